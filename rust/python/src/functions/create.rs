//! Tensors out of nothing, and out of Python's data.

use super::convert::{contiguous, is_contiguous};
use super::shape;
use crate::args::{Object, Options};
use crate::call::table;
use crate::core::{Dims, Operand, Out};
use crate::data;
use crate::error::Raise;
use crate::types::{self, Device};
use pyo3::prelude::*;
use rushlight::dtype::default_dtype;
use rushlight::ops::create::{self as c, Window};
use rushlight::{DType, Error, Scalar, Tensor};

/// Memory of this size as the options want it, filled by `make`.
pub fn made(size: &[i64], options: Options, make: impl FnOnce(&[usize], DType) -> rushlight::Result<Tensor>) -> PyResult<Tensor> {
    options.finish(shape("empty", size).and_then(|shape| make(&shape, options.dtype_or_default())))
}

fn empty_strided(size: &[i64], stride: &[i64], options: Options) -> PyResult<Tensor> {
    if size.len() != stride.len() {
        let text = format!("empty_strided(): mismatch in length of strides {stride:?} and shape {size:?}");
        return Err(pyo3::exceptions::PyRuntimeError::new_err(text));
    }
    if let Some(bad) = stride.iter().find(|s| **s < 0) {
        return Err(pyo3::exceptions::PyRuntimeError::new_err(format!("empty_strided(): negative stride {bad}")));
    }
    let strides = stride.iter().map(|&s| s as isize).collect();
    let layout = |shape| rushlight::layout::Layout::strided(shape, strides, 0);
    options.finish(
        shape("empty_strided", size).and_then(|shape| Tensor::empty_strided(layout(shape), options.dtype_or_default())),
    )
}

/// The options of `x_like`: what is not said is as in `x`.
pub fn like(x: &Tensor, options: Options) -> Options {
    Options { dtype: options.dtype.or(Some(x.dtype())), device: options.device.or(Some(Device::of(x))), ..options }
}

/// A number in a tensor has the number's kind of dtype.
fn dtype_of(value: Scalar) -> DType {
    match value.dtype() {
        DType::F64 => rushlight::dtype::default_dtype(),
        DType::C128 => rushlight::dtype::default_dtype().to_complex(),
        dtype => dtype,
    }
}

type Format = Option<types::MemoryFormat>;

fn in_format(x: PyResult<Tensor>, like: Option<&Tensor>, format: Format) -> PyResult<Tensor> {
    use types::MemoryFormat::*;
    let x = x?;
    let format = match (format, like) {
        (Some(Preserve) | None, Some(like)) if !like.is_contiguous() => match like.ndim() {
            4 if is_contiguous(like, ChannelsLast).py()? => ChannelsLast,
            5 if is_contiguous(like, ChannelsLast3d).py()? => ChannelsLast3d,
            _ => return Ok(x),
        },
        (Some(format @ (ChannelsLast | ChannelsLast3d)), _) => format,
        _ => return Ok(x),
    };
    let grad = x.requires_grad();
    let x = contiguous(&x.detach(), format).py()?.detach();
    x.set_requires_grad(grad).py()?;
    Ok(x)
}

fn full_like(x: &Tensor, value: Scalar, options: Options, format: Format) -> PyResult<Tensor> {
    let options = like(x, options);
    in_format(options.finish(Tensor::full(x.shape(), value, options.dtype_or_default())), Some(x), format)
}

/// The dtype that a result is to have: that of `out`, if it is given.
pub fn wanted(options: Options, out: Out) -> Option<DType> {
    match out {
        Out::Into(target) => Some(target.dtype()),
        _ => options.dtype,
    }
}

/// `linspace` between 0-dim tensors, or one and a number.
fn between(
    op: &'static str,
    start: Operand,
    end: Operand,
    steps: i64,
    base: Option<f64>,
    dtype: Option<DType>,
) -> rushlight::Result<Tensor> {
    let number = |x: Operand| match x {
        Operand::Scalar(x) => Ok(x),
        Operand::Tensor(x) if x.ndim() == 0 => x.item(),
        Operand::Tensor(x) => {
            let message = format!("{op} only supports 0-dimensional start and end tensors, but got a tensor with {} dimension(s)", x.ndim());
            Err(Error::custom(op, message))
        }
    };
    c::linspace(number(start)?, number(end)?, steps, base, dtype)
}

fn empty_permuted(size: &[i64], order: &[i64], options: Options) -> PyResult<Tensor> {
    let fail = |text: String| Err(pyo3::exceptions::PyRuntimeError::new_err(text));
    if order.len() != size.len() {
        return fail(format!(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = {} is not equal to \
             len(physical_layout) = {}",
            size.len(),
            order.len()
        ));
    }
    let mut strides = vec![0; size.len()];
    let mut step = 1;
    for &d in order.iter().rev() {
        match usize::try_from(d).ok().and_then(|d| Some((strides.get_mut(d)?, size[d]))) {
            Some((stride, n)) if *stride == 0 => {
                *stride = step;
                step *= n.max(1);
            }
            Some(_) => return fail(format!("Duplicate dim not allowed in physical_layout {order:?}")),
            None => return fail(format!("physical_layout {order:?} names a dimension that size {size:?} does not have")),
        }
    }
    empty_strided(size, &strides, options)
}

fn window(kind: Window, length: i64, periodic: bool, options: Options) -> PyResult<Tensor> {
    options.finish(c::window(kind, length, periodic, options.dtype_or_default()))
}

/// A 0-dim value in the shape and dtype of x.
fn filled(x: &Tensor, value: &Tensor) -> rushlight::Result<Tensor> {
    if value.ndim() != 0 {
        let message = format!("fill_ only supports 0-dimension value tensor but got tensor with {} dimensions.", value.ndim());
        return Err(Error::custom("fill", message));
    }
    value.to(x.dtype())?.expand(x.shape())
}

table! {
    /// A tensor of zeros.
    fn: "zeros(int[] size, *, Tensor? out=None, $options) -> Tensor"
        => |size: Dims, options: Options| made(&size, options, Tensor::zeros);
    /// A tensor of ones.
    fn: "ones(int[] size, *, Tensor? out=None, $options) -> Tensor"
        => |size: Dims, options: Options| made(&size, options, Tensor::ones);
    /// Memory that holds whatever it held before.
    fn: "empty(int[] size, *, Tensor? out=None, $options, MemoryFormat? memory_format=None) -> Tensor"
        => |size: Dims, options: Options, format: Format| in_format(made(&size, options, Tensor::empty), None, format);
    /// A tensor of this shape and these strides, whose elements are whatever the memory holds.
    fn: "empty_strided(int[] size, int[] stride, *, $options) -> Tensor"
        => |size: Dims, stride: Dims, options: Options| empty_strided(&size, &stride, options);
    /// A tensor of one value everywhere; its dtype is the value's unless told.
    fn: "full(int[] size, Scalar fill_value, *, Tensor? out=None, $options) -> Tensor"
        => |size: Dims, value: Scalar, options: Options| {
            let dtype = options.dtype.unwrap_or_else(|| dtype_of(value));
            options.finish(shape("full", &size).and_then(|shape| Tensor::full(&shape, value, dtype)))
        };
    /// A 0-dim tensor of this value.
    fn: "scalar_tensor(Scalar s, *, $options) -> Tensor"
        => |value: Scalar, options: Options| options.finish(Tensor::scalar(value, options.dtype_or_default()));

    /// Zeros of the shape, dtype and strides of `input`.
    fn: "zeros_like(Tensor self, *, $options, MemoryFormat? memory_format=None) -> Tensor"
        => |x: &Tensor, options: Options, format: Format| full_like(x, Scalar::Int(0), options, format);
    /// Ones of the shape, dtype and strides of `input`.
    fn: "ones_like(Tensor self, *, $options, MemoryFormat? memory_format=None) -> Tensor"
        => |x: &Tensor, options: Options, format: Format| full_like(x, Scalar::Int(1), options, format);
    /// One value in the shape, dtype and strides of `input`.
    fn: "full_like(Tensor self, Scalar fill_value, *, $options, MemoryFormat? memory_format=None) -> Tensor" => full_like;
    /// An uninitialised tensor of the shape, dtype and strides of `input`.
    fn: "empty_like(Tensor self, *, $options, MemoryFormat? memory_format=None) -> Tensor"
        => |x: &Tensor, options: Options, format: Format| {
            let options = like(x, options);
            in_format(options.finish(Tensor::empty(x.shape(), options.dtype_or_default())), Some(x), format)
        };

    /// Numbers at equal steps: from `start` to before `end`.
    fn:
        "arange(Scalar end, *, Tensor? out=None, $options) -> Tensor"
            => |end: Scalar, options: Options, out: Out| options.finish(c::arange(Scalar::Int(0), end, Scalar::Int(1), wanted(options, out))),
        "arange(Scalar start, Scalar end, *, Tensor? out=None, $options) -> Tensor"
            => |start: Scalar, end: Scalar, options: Options, out: Out|
                options.finish(c::arange(start, end, Scalar::Int(1), wanted(options, out))),
        "arange(Scalar start, Scalar end, Scalar step=1, *, Tensor? out=None, $options) -> Tensor"
            => |start: Scalar, end: Scalar, step: Scalar, options: Options, out: Out|
                options.finish(c::arange(start, end, step, wanted(options, out)));
    /// The same with `end` as part of it; `arange` is to be preferred.
    fn: "range(Scalar start, Scalar end, Scalar step=1, *, Tensor? out=None, $options) -> Tensor"
        => |start: Scalar, end: Scalar, step: Scalar, options: Options, out: Out|
            options.finish(c::range(start, end, step, wanted(options, out)));
    /// `steps` numbers at equal steps from `start` to `end`.
    fn:
        "linspace(Scalar start, Scalar end, int steps, *, Tensor? out=None, $options) -> Tensor"
            => |start: Scalar, end: Scalar, steps: i64, options: Options, out: Out|
                options.finish(c::linspace(start, end, steps, None, wanted(options, out))),
        "linspace(Scalar|Tensor start, Scalar|Tensor end, int steps, *, Tensor? out=None, $options) -> Tensor"
            => |start: Operand, end: Operand, steps: i64, options: Options, out: Out|
                options.finish(between("linspace", start, end, steps, None, wanted(options, out)));
    /// Powers of `base` with exponents at equal steps from `start` to `end`.
    fn:
        "logspace(Scalar start, Scalar end, int steps, float base=10.0, *, Tensor? out=None, $options) -> Tensor"
            => |start: Scalar, end: Scalar, steps: i64, base: f64, options: Options, out: Out|
                options.finish(c::linspace(start, end, steps, Some(base), wanted(options, out))),
        "logspace(Scalar|Tensor start, Scalar|Tensor end, int steps, float base=10.0, *, Tensor? out=None, $options) -> Tensor"
            => |start: Operand, end: Operand, steps: i64, base: f64, options: Options, out: Out|
                options.finish(between("logspace", start, end, steps, Some(base), wanted(options, out)));
    /// Ones on the diagonal, zeros elsewhere.
    fn:
        "eye(int n, *, Tensor? out=None, $options) -> Tensor"
            => |n: i64, options: Options, out: Out| options.finish(c::eye(n, n, wanted(options, out).unwrap_or_else(default_dtype))),
        "eye(int n, int m, *, Tensor? out=None, $options) -> Tensor"
            => |n: i64, m: i64, options: Options, out: Out| options.finish(c::eye(n, m, wanted(options, out).unwrap_or_else(default_dtype)));
    /// Rows and columns of the lower triangle of a matrix.
    fn: "tril_indices(int row, int col, int offset=0, *, $options) -> Tensor"
        => |rows: i64, columns: i64, offset: i64, options: Options|
            options.finish(c::triangle_indices("tril_indices", rows, columns, offset, false, options.dtype.unwrap_or(DType::I64)));
    /// Rows and columns of the upper triangle of a matrix.
    fn: "triu_indices(int row, int col, int offset=0, *, $options) -> Tensor"
        => |rows: i64, columns: i64, offset: i64, options: Options|
            options.finish(c::triangle_indices("triu_indices", rows, columns, offset, true, options.dtype.unwrap_or(DType::I64)));
    /// Memory whose dimensions lie in the order `physical_layout`.
    fn: "empty_permuted(int[] size, int[] physical_layout, *, $options) -> Tensor"
        => |size: Dims, order: Dims, options: Options| empty_permuted(&size, &order, options);

    /// A triangle that rises from 0 to 1 and falls again; `periodic` leaves out the last point.
    fn: "bartlett_window(int window_length, bool periodic=True, *, $options) -> Tensor"
        => |n: i64, periodic: bool, options: Options| window(Window::Bartlett, n, periodic, options);
    /// Blackman's window of three cosines.
    fn: "blackman_window(int window_length, bool periodic=True, *, $options) -> Tensor"
        => |n: i64, periodic: bool, options: Options| window(Window::Blackman, n, periodic, options);
    /// Half a wave of a raised cosine, from 0 to 1 and back.
    fn: "hann_window(int window_length, bool periodic=True, *, $options) -> Tensor"
        => |n: i64, periodic: bool, options: Options| window(Window::Hann, n, periodic, options);
    /// `alpha - beta * cos(2πn / N)`.
    fn: "hamming_window(int window_length, bool periodic=True, float alpha=0.54, float beta=0.46, *, $options) -> Tensor"
        => |n: i64, periodic: bool, alpha: f64, beta: f64, options: Options| window(Window::Hamming { alpha, beta }, n, periodic, options);
    /// Kaiser's window, by Bessel functions; `beta` trades the width of the peak for its side lobes.
    fn: "kaiser_window(int window_length, bool periodic=True, float beta=12.0, *, $options) -> Tensor"
        => |n: i64, periodic: bool, beta: f64, options: Options| window(Window::Kaiser { beta }, n, periodic, options);

    /// One value everywhere.
    fn method:
        "fill(Tensor self, Scalar value) -> Tensor" => |x: &Tensor, value: Scalar| rushlight::ops::unary::fill(x, value.into(), Out::New),
        "fill(Tensor self, Tensor value) -> Tensor" => |x: &Tensor, value: &Tensor| filled(x, value)?.copy();
    /// Sets every element to a value.
    fn method:
        "fill_(Tensor self, Scalar value) -> Tensor" => |x: &Tensor, value: Scalar| x.fill_(value).map(|()| x.clone()),
        "fill_(Tensor self, Tensor value) -> Tensor" => |x: &Tensor, value: &Tensor| x.copy_(&filled(x, value)?).map(|()| x.clone());
    /// Sets every element to zero.
    fn method: "zero_(Tensor self) -> Tensor" => |x: &Tensor| x.zero_().map(|()| x.clone());

    /// Zeros, of the tensor's dtype unless told.
    method: "new_zeros(Tensor self, int[] size, *, $options) -> Tensor"
        => |x: &Tensor, size: Dims, options: Options| made(&size, like(x, options), Tensor::zeros);
    /// Ones, of the tensor's dtype unless told.
    method: "new_ones(Tensor self, int[] size, *, $options) -> Tensor"
        => |x: &Tensor, size: Dims, options: Options| made(&size, like(x, options), Tensor::ones);
    /// An uninitialised tensor, of the tensor's dtype unless told.
    method: "new_empty(Tensor self, int[] size, *, $options) -> Tensor"
        => |x: &Tensor, size: Dims, options: Options| made(&size, like(x, options), Tensor::empty);
    /// An uninitialised tensor with these strides, of the tensor's dtype unless told.
    method: "new_empty_strided(Tensor self, int[] size, int[] stride, *, $options) -> Tensor"
        => |x: &Tensor, size: Dims, stride: Dims, options: Options| empty_strided(&size, &stride, like(x, options));
    /// One value everywhere, of the tensor's dtype unless told.
    method: "new_full(Tensor self, int[] size, Scalar fill_value, *, $options) -> Tensor"
        => |x: &Tensor, size: Dims, value: Scalar, options: Options|
            made(&size, like(x, options), |shape, dtype| Tensor::full(shape, value, dtype));
    /// A copy of `data` as a new leaf, of the tensor's dtype unless told.
    method: "new_tensor(Tensor self, Any data, *, ScalarType? dtype=None, Device? device=None, bool requires_grad=False) -> Tensor"
        => |x: &Tensor, data: Object, dtype: Option<DType>, device: Option<Device>, grad: bool|
            data::tensor(data, dtype.or(Some(x.dtype())), device.or(Some(Device::of(x))), grad);

    /// A tensor of the data's numbers: nested lists, arrays, anything that lends its memory. Copies.
    fn: "tensor(Any data, *, ScalarType? dtype=None, Device? device=None, bool requires_grad=False, bool pin_memory=False) -> Tensor"
        => |data: Object, dtype: Option<DType>, device: Option<Device>, grad: bool, _: bool| data::tensor(data, dtype, device, grad);

    /// The data as a tensor, without a copy where none is needed.
    fn: "as_tensor(Any data, ScalarType? dtype=None, Device? device=None) -> Tensor" => data::as_tensor;
    /// The same; `copy` demands or forbids a copy.
    fn: "asarray(Any obj, *, ScalarType? dtype=None, Device? device=None, bool? copy=None, bool requires_grad=False) -> Tensor"
        => |data: Object, dtype: Option<DType>, device: Option<Device>, copy: Option<bool>, grad: bool| {
            data::as_array(data, dtype, device, copy, grad)
        };

    /// A tensor over the memory of a NumPy array.
    fn: "from_numpy(Any ndarray) -> Tensor" => |array: Object| {
        if crate::class::is_array(array) {
            return data::buffer::from_array(&array.to_owned());
        }
        let class = array.get_type();
        Err(pyo3::exceptions::PyTypeError::new_err(format!("expected np.ndarray (got {})", class.name()?)))
    };
    /// A tensor over the memory of another library's, by DLPack.
    /// `copy` demands or forbids a copy.
    fn: "from_dlpack(Any ext_tensor, *, Device? device=None, bool? copy=None) -> Tensor"
        => |other: Object, device: Option<Device>, copy: Option<bool>| {
            let tensor = crate::dlpack::from_dlpack(&other.to_owned(), copy)?;
            match device {
                Some(device) if !device.is_cpu() && copy == Some(false) => Err(pyo3::exceptions::PyValueError::new_err(
                    format!("from_dlpack: cannot move to {} without a copy, which copy=False forbids", device.kind()),
                )),
                device => crate::types::to_device(tensor, device),
            }
        };

    /// A tensor over the memory that an object lends.
    fn: "frombuffer(Any buffer, *, ScalarType dtype, int count=-1, int offset=0, bool requires_grad=False) -> Tensor"
        => |buffer: Object, dtype: DType, count: i64, offset: i64, grad: bool| {
            let options = Options { requires_grad: grad, device: Some(Device::CPU), ..Options::default() };
            options.finish(Ok(data::buffer::from_buffer(&buffer.to_owned(), dtype, count, offset)?))
        };
}
