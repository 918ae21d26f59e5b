// Spreads the values of an image from 0 to 1 evenly over 0 to 255, by its histogram of 256 bins.
package main

import "equalise/sandpipe"

type equalise struct{ amount float64 }

func init() { sandpipe.Use(&equalise{}) }

// The host calls the kernel's functions, not this one.
func main() {}

func (kernel *equalise) ValidateConfig(context *sandpipe.Context) error {
	input, output := &context.TriggerInputs[0], &context.Outputs[0]
	if input.Dtype != sandpipe.F32 {
		return sandpipe.Fail(sandpipe.WrongDtype, "'%s' must be float32", input.Name)
	}
	if output.Dtype != sandpipe.U8 {
		return sandpipe.Fail(sandpipe.WrongDtype, "'%s' must be uint8", output.Name)
	}
	alike := *output
	alike.Dtype = input.Dtype
	return alike.RequireLike(input)
}

func (kernel *equalise) Init(context *sandpipe.Context) error {
	kernel.amount = context.Number("amount", 1)
	return nil
}

// bin is which of 256 equal parts of 0 to 1 a value lies in; no number lies in the first.
func bin(x float32) int {
	scaled := x * 256
	if !(scaled > 0) {
		return 0
	}
	if scaled > 255 {
		return 255
	}
	return int(scaled)
}

func (kernel *equalise) ComputeInto(frameID uint64, frame *sandpipe.Frame) error {
	in := sandpipe.Slice[float32](&frame.TriggerInputs[0])
	out := sandpipe.Slice[uint8](&frame.Outputs[0])
	var counts [256]int
	for _, x := range in {
		counts[bin(x)]++
	}
	var table [256]uint8
	sum := 0
	for level, count := range counts {
		sum += count
		spread := float64(sum) / float64(len(in)) * 255
		table[level] = uint8(kernel.amount*spread + (1-kernel.amount)*float64(level) + 0.5)
	}
	for i, x := range in {
		out[i] = table[bin(x)]
	}
	return nil
}
