package sandpipe

import (
	"errors"
	"strings"
	"unsafe"
)

// What the host calls.

var (
	kernel Kernel
	frame  Frame
	// What the host had allocated: only it holds the addresses, so the collector has to be told.
	kept  [][]uint64
	block []byte
)

// The contract's records as they lie in memory.
type (
	list  struct{ at, count uint32 }
	array struct {
		name, alias list
		dtype       uint32
		shape       list
	}
	context struct {
		name, kind                                list
		part, parts                               uint32
		triggers, auxiliaries, outputs, states    list
		hasOperation                              uint32
		operation, parameters                     list
	}
)

// outcome is result<_, failure> as it lies in memory.
var outcome struct {
	failed, code, message, bytes uint32
}

var message [512]byte

func at[T any](address uint32) *T { return (*T)(pointer(address)) }

// pointer makes an address of a number that the host gave, which go vet takes for a mistake.
func pointer(address uint32) unsafe.Pointer {
	number := uintptr(address)
	return *(*unsafe.Pointer)(unsafe.Pointer(&number))
}

func text(from list) string {
	return strings.Clone(unsafe.String(at[byte](from.at), from.count))
}

func arrays(from list) []Array {
	arrays := make([]Array, from.count)
	for i, given := range unsafe.Slice(at[array](from.at), from.count) {
		shape := append([]uint32(nil), unsafe.Slice(at[uint32](given.shape.at), given.shape.count)...)
		arrays[i] = Array{text(given.name), text(given.alias), Dtype(given.dtype), shape}
	}
	return arrays
}

func contextOf(address uint32) *Context {
	given := at[context](address)
	made := &Context{
		Name: text(given.name), Kind: text(given.kind),
		Part: given.part, Parts: given.parts,
		TriggerInputs: arrays(given.triggers), AuxiliaryInputs: arrays(given.auxiliaries),
		Outputs: arrays(given.outputs), States: arrays(given.states),
		HasOperation: given.hasOperation&0xff != 0,
		Parameters:   text(given.parameters),
	}
	if made.HasOperation {
		made.Operation = text(given.operation)
	}
	return made
}

func views(arrays []Array) []View {
	views := make([]View, len(arrays))
	for i := range arrays {
		elements, columns := arrays[i].Elements(), 1
		if rank := len(arrays[i].Shape); rank > 0 {
			columns = int(arrays[i].Shape[rank-1])
		}
		views[i] = View{Array: &arrays[i], Rows: elements / columns, Columns: columns, elements: elements}
	}
	return views
}

func settle(err error) unsafe.Pointer {
	outcome.failed = 0
	if err != nil {
		failure := &Failure{Code: Failed}
		errors.As(err, &failure)
		outcome.failed, outcome.code = 1, uint32(failure.Code)
		// Pointers of Go have 64 bits, also here.
		outcome.message = uint32(uintptr(unsafe.Pointer(&message)))
		outcome.bytes = uint32(copy(message[:], err.Error()))
	}
	return unsafe.Pointer(&outcome)
}

//go:wasmexport cabi_realloc
func realloc(_, _, align, bytes uint32) uint32 {
	if bytes == 0 {
		return align
	}
	words := make([]uint64, (bytes+7)/8)
	kept = append(kept, words)
	return uint32(uintptr(unsafe.Pointer(&words[0])))
}

//go:wasmexport sandpipe:kernel/stage@0.1.0#validate-config
func validateConfig(record uint32) unsafe.Pointer {
	return settle(kernel.ValidateConfig(contextOf(record)))
}

//go:wasmexport sandpipe:kernel/stage@0.1.0#init
func start(record uint32) unsafe.Pointer {
	context := contextOf(record)
	kept = nil
	frame = Frame{
		Context:       context,
		TriggerInputs: views(context.TriggerInputs), AuxiliaryInputs: views(context.AuxiliaryInputs), Outputs: views(context.Outputs),
		StatePrevious: views(context.States), StateNext: views(context.States),
	}
	return settle(kernel.Init(context))
}

// reserve gives a block of the collector's that nobody uses; it does not move.
//
//go:wasmexport sandpipe:kernel/mapped@0.1.0#reserve
func reserve(bytes uint32) uint32 {
	const page = 4096
	block = make([]byte, bytes+page)
	return (uint32(uintptr(unsafe.Pointer(&block[0]))) + page - 1) &^ (page - 1)
}

//go:wasmexport sandpipe:kernel/mapped@0.1.0#compute-into
func computeInto(frameID uint64, table uint32) unsafe.Pointer {
	place := func(views []View, step uint32) {
		for i := range views {
			views[i].address = pointer(*at[uint32](table))
			table += step
		}
	}
	place(frame.TriggerInputs, 4)
	place(frame.AuxiliaryInputs, 4)
	place(frame.Outputs, 4)
	states := table
	place(frame.StatePrevious, 8)
	table = states + 4
	place(frame.StateNext, 8)
	return settle(kernel.ComputeInto(frameID, &frame))
}
