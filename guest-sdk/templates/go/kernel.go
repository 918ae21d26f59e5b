// out = gain * in + offset, element by element. Start here.
package main

import "{NAME}/sandpipe"

type linear struct{ gain, offset float32 }

func init() { sandpipe.Use(&linear{}) }

// The host calls the kernel's functions, not this one.
func main() {}

func (kernel *linear) ValidateConfig(context *sandpipe.Context) error {
	return context.Outputs[0].RequireLike(&context.TriggerInputs[0])
}

func (kernel *linear) Init(context *sandpipe.Context) error {
	kernel.gain = float32(context.Number("gain", 1))
	kernel.offset = float32(context.Number("offset", 0))
	return nil
}

func (kernel *linear) ComputeInto(frameID uint64, frame *sandpipe.Frame) error {
	in := sandpipe.Slice[float32](&frame.TriggerInputs[0])
	out := sandpipe.Slice[float32](&frame.Outputs[0])
	gain, offset := kernel.gain, kernel.offset
	for i, x := range in[:len(out)] {
		out[i] = gain*x + offset
	}
	return nil
}
