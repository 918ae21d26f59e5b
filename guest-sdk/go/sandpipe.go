// Package sandpipe is for authors of sandpipe kernels in Go: the contract sandpipe:kernel@0.1.0 of wit/kernel.wit by hand.
//
// A kernel is a value that implements [Kernel]; package main hands one to [Use] in an init function. Build it with the standard
// compiler: GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared. There are no files, no network and no clock: whatever the
// runtime asks of WASI is answered with nothing. A panic is a trap.
package sandpipe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

// Kernel is what an author writes. A method that returns an error refuses its place, or has no result for the frame.
type Kernel interface {
	// ValidateConfig says whether the kernel can run in this place.
	ValidateConfig(context *Context) error
	// Init is called once, before the first frame. The place to allocate: frames should not.
	Init(context *Context) error
	// ComputeInto computes one frame.
	ComputeInto(frameID uint64, frame *Frame) error
}

// Use names the kernel.
func Use(it Kernel) { kernel = it }

// Dtype is the type of one element.
type Dtype uint8

// The dtypes.
const (
	Bool Dtype = iota
	S8
	S16
	S32
	S64
	U8
	U16
	U32
	U64
	F16
	F32
	F64
	C64
	C128
)

// Code is what kind of thing is wrong.
type Code uint8

// The codes.
const (
	WrongArity Code = iota
	WrongDtype
	WrongShape
	WrongParameter
	Failed
)

// Failure is an error with a code; other errors have the code [Failed].
type Failure struct {
	Code    Code
	Message string
}

func (failure *Failure) Error() string { return failure.Message }

// Fail makes a failure. The text is for the pipeline's author.
func Fail(code Code, format string, arguments ...any) error {
	return &Failure{code, fmt.Sprintf(format, arguments...)}
}

// Array is one stream or state array. The extents are in C order: the last one varies fastest.
type Array struct {
	Name, Alias string
	Dtype       Dtype
	Shape       []uint32
}

// Elements is the product of the shape.
func (array *Array) Elements() int {
	elements := 1
	for _, extent := range array.Shape {
		elements *= int(extent)
	}
	return elements
}

// RequireLike fails unless dtype and shape are those of other.
func (array *Array) RequireLike(other *Array) error {
	if !slices.Equal(array.Shape, other.Shape) {
		return Fail(WrongShape, "'%s' must have the shape of '%s'", array.Name, other.Name)
	}
	if array.Dtype != other.Dtype {
		return Fail(WrongDtype, "'%s' must have the dtype of '%s'", array.Name, other.Name)
	}
	return nil
}

// RequireRank fails unless there are so many dimensions.
func (array *Array) RequireRank(rank int) error {
	if len(array.Shape) != rank {
		return Fail(WrongShape, "'%s' must have %d dimensions, it has %d", array.Name, rank, len(array.Shape))
	}
	return nil
}

// Context is everything a stage is told.
type Context struct {
	Name, Kind                                      string
	Part, Parts                                     uint32 // 0 of 1, unless the stage is split
	TriggerInputs, AuxiliaryInputs, Outputs, States []Array
	Operation                                       string
	HasOperation                                    bool
	Parameters                                      string // a JSON object; see Number, Flag and Text
}

// Number is a parameter that is a number, or otherwise where it is not given.
func (context *Context) Number(name string, otherwise float64) float64 {
	if value, err := strconv.ParseFloat(context.Parameter(name), 64); err == nil {
		return value
	}
	return otherwise
}

// Flag is a parameter that is true or false.
func (context *Context) Flag(name string, otherwise bool) bool {
	if json := context.Parameter(name); json != "" {
		return json == "true"
	}
	return otherwise
}

// Text is a parameter that is text.
func (context *Context) Text(name, otherwise string) string {
	if text, err := strconv.Unquote(context.Parameter(name)); err == nil {
		return text
	}
	return otherwise
}

// Parameter is the JSON text of a parameter. (encoding/json would double the size of the module.)
func (context *Context) Parameter(name string) string {
	json := context.Parameters
	for i := 1; i < len(json); i++ {
		start := strings.IndexByte(json[i:], '"')
		if start < 0 {
			return ""
		}
		end := stringEnd(json, i+start)
		key := json[i+start+1 : max(end-1, i+start+1)]
		colon := strings.IndexByte(json[end:], ':')
		if colon < 0 {
			return ""
		}
		i = valueEnd(json, end+colon+1)
		if key == name {
			return strings.TrimSpace(json[end+colon+1 : i])
		}
	}
	return ""
}

// stringEnd is behind the string whose opening quote is at i.
func stringEnd(json string, i int) int {
	for i++; i < len(json) && json[i] != '"'; i++ {
		if json[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(json))
}

// valueEnd is behind the value at i.
func valueEnd(json string, i int) int {
	for depth := 0; i < len(json); {
		switch c := json[i]; {
		case c == '"':
			i = stringEnd(json, i)
			continue
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == ',' || c == '}'):
			return i
		case c == '}' || c == ']':
			depth--
		}
		i++
	}
	return i
}

// View is an array of a frame; read it through [Slice]. As an image it has Rows times Columns elements, where Columns is the last
// extent of the shape.
type View struct {
	Array         *Array
	Rows, Columns int
	elements      int
	address       unsafe.Pointer
}

// Frame has the arrays of one frame.
type Frame struct {
	Context                                                          *Context
	TriggerInputs, AuxiliaryInputs, Outputs, StatePrevious, StateNext []View
}

// Element is what an array may hold.
type Element interface {
	bool | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64 | complex64 | complex128
}

// Slice gives the elements where they lie, without a copy; only during ComputeInto. A type that is not the array's dtype panics.
func Slice[T Element](view *View) []T {
	var zero T
	fits := false
	switch any(zero).(type) {
	case bool:
		fits = view.Array.Dtype == Bool
	case int8:
		fits = view.Array.Dtype == S8
	case int16:
		fits = view.Array.Dtype == S16
	case int32:
		fits = view.Array.Dtype == S32
	case int64:
		fits = view.Array.Dtype == S64
	case uint8:
		fits = view.Array.Dtype == U8
	case uint16:
		fits = view.Array.Dtype == U16
	case uint32:
		fits = view.Array.Dtype == U32
	case uint64:
		fits = view.Array.Dtype == U64
	case float32:
		fits = view.Array.Dtype == F32
	case float64:
		fits = view.Array.Dtype == F64
	case complex64:
		fits = view.Array.Dtype == C64
	case complex128:
		fits = view.Array.Dtype == C128
	}
	if !fits {
		Log(Error, "the kernel reads '"+view.Array.Name+"' as what it is not; name its dtypes in manifest.json")
		panic("wrong dtype")
	}
	return unsafe.Slice((*T)(view.address), view.elements)
}

// Level is how much a message matters.
type Level uint32

// The levels.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// Log is a message for people, bounded and rate limited by the host.
func Log(level Level, message string) {
	hostLog(uint32(level), unsafe.Pointer(unsafe.StringData(message)), uint32(len(message)))
}

//go:wasmimport sandpipe:kernel/log@0.1.0 log
func hostLog(level uint32, at unsafe.Pointer, bytes uint32)
