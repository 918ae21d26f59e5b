//! Frames as typed slices.
//!
//! A view is an [`Array`] (dtype and shape, known since `init`) and an address (new for each frame). Making one
//! allocates nothing.
#![allow(
    unsafe_code,
    reason = "turns the addresses of the frame table into slices"
)]

use std::{marker::PhantomData, slice};

use crate::{Array, Dtype, Element, Failure};

/// A frame to read.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    array: &'a Array,
    address: *const u8,
    frame: PhantomData<&'a [u8]>,
}

impl<'a> View<'a> {
    /// The frame of `array` at `address`.
    ///
    /// # Safety
    /// For `'a`, `address` is 8-aligned, `array.bytes()` bytes from it are readable, and this program writes
    /// none of them.
    pub(crate) unsafe fn new(array: &'a Array, address: *const u8) -> Self {
        View {
            array,
            address,
            frame: PhantomData,
        }
    }

    /// Name, dtype and shape.
    pub fn array(&self) -> &'a Array {
        self.array
    }

    /// The type of the elements.
    pub fn dtype(&self) -> Dtype {
        self.array.dtype()
    }

    /// The extents in C order.
    pub fn shape(&self) -> &'a [u32] {
        self.array.shape()
    }

    /// All elements in C order.
    ///
    /// # Errors
    /// A dtype failure when the stream does not hold elements of this type.
    #[inline]
    pub fn slice<T: Element>(&self) -> Result<&'a [T], Failure> {
        require::<T>(self.array)?;
        // SAFETY: `new`'s caller vouches for `bytes()` = elements × size of T bytes at an 8-aligned address
        // (T is sealed: at most 8-aligned, the size of its dtype), and every bit pattern is a T. Another
        // process may write the shared memory behind an input meanwhile. To this program that memory is its
        // own linear memory: wasm has plain loads only, whose values nothing assumes to be stable, and the
        // host maps pinned slots, which no well-behaved writer touches. A torn value is the worst outcome.
        Ok(unsafe { slice::from_raw_parts(self.address.cast::<T>(), self.array.elements()) })
    }

    /// All elements in C order, complex numbers as their parts: real, imaginary, real, …
    ///
    /// # Errors
    /// A dtype failure when the stream does not hold elements of this type, or complex numbers of such parts.
    #[inline]
    pub fn parts<T: Element>(&self) -> Result<&'a [T], Failure> {
        require_parts::<T>(self.array)?;
        // SAFETY: as in `slice`; a complex number is two parts, without padding.
        Ok(unsafe { slice::from_raw_parts(self.address.cast::<T>(), parts::<T>(self.array)) })
    }

    /// The frame as bytes, whatever its dtype.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        // SAFETY: as in `slice`; bytes have no alignment and no invalid patterns.
        unsafe { slice::from_raw_parts(self.address, self.array.bytes()) }
    }
}

/// A frame to write. It holds old bytes until they are written.
#[derive(Debug)]
pub struct ViewMut<'a> {
    array: &'a Array,
    address: *mut u8,
    frame: PhantomData<&'a mut [u8]>,
}

impl<'a> ViewMut<'a> {
    /// The frame of `array` at `address`.
    ///
    /// # Safety
    /// For `'a`, `address` is 8-aligned, `array.bytes()` initialised bytes from it are writable, and nothing
    /// else in this program reads or writes them.
    pub(crate) unsafe fn new(array: &'a Array, address: *mut u8) -> Self {
        ViewMut {
            array,
            address,
            frame: PhantomData,
        }
    }

    /// The same frame for a while, so that this view can be used again after it.
    pub fn reborrow(&mut self) -> ViewMut<'_> {
        ViewMut {
            array: self.array,
            address: self.address,
            frame: PhantomData,
        }
    }

    /// Name, dtype and shape.
    pub fn array(&self) -> &'a Array {
        self.array
    }

    /// The type of the elements.
    pub fn dtype(&self) -> Dtype {
        self.array.dtype()
    }

    /// The extents in C order.
    pub fn shape(&self) -> &'a [u32] {
        self.array.shape()
    }

    /// All elements in C order.
    ///
    /// # Errors
    /// A dtype failure when the stream does not hold elements of this type.
    #[inline]
    pub fn slice<T: Element>(self) -> Result<&'a mut [T], Failure> {
        require::<T>(self.array)?;
        // SAFETY: `new`'s caller vouches for exclusive access to `bytes()` = elements × size of T bytes at an
        // 8-aligned address, and taking `self` hands that access on. Every bit pattern is a T (sealed).
        Ok(unsafe { slice::from_raw_parts_mut(self.address.cast::<T>(), self.array.elements()) })
    }

    /// All elements in C order, complex numbers as their parts: real, imaginary, real, …
    ///
    /// # Errors
    /// A dtype failure when the stream does not hold elements of this type, or complex numbers of such parts.
    #[inline]
    pub fn parts<T: Element>(self) -> Result<&'a mut [T], Failure> {
        require_parts::<T>(self.array)?;
        // SAFETY: as in `slice`; a complex number is two parts, without padding.
        Ok(unsafe { slice::from_raw_parts_mut(self.address.cast::<T>(), parts::<T>(self.array)) })
    }

    /// The frame as bytes, whatever its dtype.
    #[inline]
    pub fn bytes(self) -> &'a mut [u8] {
        // SAFETY: as in `slice`; bytes have no alignment and no invalid patterns.
        unsafe { slice::from_raw_parts_mut(self.address, self.array.bytes()) }
    }
}

#[inline]
fn require<T: Element>(array: &Array) -> Result<(), Failure> {
    if array.dtype() == T::DTYPE {
        return Ok(());
    }
    Err(wrong_dtype(array, T::DTYPE))
}

#[inline]
fn require_parts<T: Element>(array: &Array) -> Result<(), Failure> {
    if array.dtype().part() == T::DTYPE {
        return Ok(());
    }
    Err(wrong_dtype(array, T::DTYPE))
}

/// How many parts there are, of a dtype whose parts they are.
fn parts<T: Element>(array: &Array) -> usize {
    array.bytes() / size_of::<T>()
}

#[cold]
fn wrong_dtype(array: &Array, expected: Dtype) -> Failure {
    Failure::dtype(format!(
        "{array} has dtype {}, the kernel reads it as {expected}",
        array.dtype()
    ))
}
