//! Tensors out of nothing, and out of Python's data.

use super::shape;
use crate::args::{Object, Options};
use crate::call::table;
use crate::core::Dims;
use crate::data;
use crate::types::{self, Device};
use pyo3::prelude::*;
use rushlight::{DType, Scalar, Tensor};

/// Memory of this size as the options want it, filled by `make`.
pub fn made(size: &[i64], options: Options, make: impl FnOnce(&[usize], DType) -> rushlight::Result<Tensor>) -> PyResult<Tensor> {
    options.finish(shape("empty", size).and_then(|shape| make(&shape, options.dtype_or_default())))
}

/// The options of `x_like`: what is not said is as in `x`.
pub fn like(x: &Tensor, options: Options) -> Options {
    Options { dtype: options.dtype.or(Some(x.dtype())), device: options.device.or(Some(Device::of(x))), ..options }
}

table! {
    fn: "zeros(int[] size, *, Tensor? out=None, $options) -> Tensor"
        => |size: Dims, options: Options| made(&size, options, Tensor::zeros);
    fn: "ones(int[] size, *, Tensor? out=None, $options) -> Tensor"
        => |size: Dims, options: Options| made(&size, options, Tensor::ones);
    fn: "empty(int[] size, *, Tensor? out=None, $options, MemoryFormat? memory_format=None) -> Tensor"
        => |size: Dims, options: Options, _: Option<types::MemoryFormat>| made(&size, options, Tensor::empty);
    fn: "full(int[] size, Scalar fill_value, *, Tensor? out=None, $options) -> Tensor"
        => |size: Dims, value: Scalar, options: Options| {
            let dtype = options.dtype.unwrap_or_else(|| match value.dtype() {
                DType::F64 => rushlight::dtype::default_dtype(),
                DType::C128 => rushlight::dtype::default_dtype().to_complex(),
                dtype => dtype,
            });
            options.finish(shape("full", &size).and_then(|shape| Tensor::full(&shape, value, dtype)))
        };
    fn: "zeros_like(Tensor self, *, $options, MemoryFormat? memory_format=None) -> Tensor"
        => |x: &Tensor, options: Options, _: Option<types::MemoryFormat>| {
            let options = like(x, options);
            options.finish(Tensor::zeros(x.shape(), options.dtype_or_default()))
        };

    /// A tensor of the data's numbers: nested lists, arrays, anything that lends its memory. Copies.
    fn: "tensor(Any data, *, ScalarType? dtype=None, Device? device=None, bool requires_grad=False, bool pin_memory=False) -> Tensor"
        => |data: Object, dtype: Option<DType>, device: Option<Device>, grad: bool, _: bool| data::tensor(data, dtype, device, grad);

    /// The data as a tensor, without a copy where none is needed.
    fn: "as_tensor(Any data, ScalarType? dtype=None, Device? device=None) -> Tensor" => data::as_tensor;

    /// A tensor over the memory of a NumPy array.
    fn: "from_numpy(Any ndarray) -> Tensor" => |array: Object| {
        if crate::class::is_array(array) {
            return data::buffer::from_array(&array.to_owned());
        }
        let class = array.get_type();
        Err(pyo3::exceptions::PyTypeError::new_err(format!("expected np.ndarray (got {})", class.name()?)))
    };

    /// A tensor over the memory that an object lends.
    fn: "frombuffer(Any buffer, *, ScalarType dtype, int count=-1, int offset=0, bool requires_grad=False) -> Tensor"
        => |buffer: Object, dtype: DType, count: i64, offset: i64, grad: bool| {
            let options = Options { requires_grad: grad, device: Some(Device::CPU), ..Options::default() };
            options.finish(Ok(data::buffer::from_buffer(&buffer.to_owned(), dtype, count, offset)?))
        };
}

