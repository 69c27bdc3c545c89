//! A tensor in another dtype, on another device, in another order of memory.

use crate::args::Object;
use crate::call::table;
use crate::class;
use crate::error::Raise;
use crate::types::{self, Device, MemoryFormat};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyType;
use rushlight::{DType, Error, Result, Tensor};

type Format = Option<MemoryFormat>;

/// The dims in the order in which channels-last memory has them, and the way back.
fn channels_last(x: &Tensor, format: MemoryFormat) -> Option<usize> {
    match format {
        MemoryFormat::ChannelsLast if x.ndim() == 4 => Some(4),
        MemoryFormat::ChannelsLast3d if x.ndim() == 5 => Some(5),
        _ => None,
    }
}

/// NCHW as NHWC (a view), or back.
fn moved(x: &Tensor, back: bool) -> Result<Tensor> {
    let n = x.ndim() as i64;
    let mut x = x.clone();
    let steps: Vec<i64> = if back { (1..n - 1).rev().collect() } else { (1..n - 1).collect() };
    for d in steps {
        x = x.transpose(d, d + 1)?;
    }
    Ok(x)
}

fn wrong_rank(x: &Tensor, format: MemoryFormat) -> Result<()> {
    let wanted = match format {
        MemoryFormat::ChannelsLast => 4,
        MemoryFormat::ChannelsLast3d => 5,
        _ => return Ok(()),
    };
    match x.ndim() == wanted {
        true => Ok(()),
        false => Err(Error::custom("contiguous", format!("required rank {wanted} tensor to use channels_last format, got shape {:?}", x.shape()))),
    }
}

pub fn is_contiguous(x: &Tensor, format: MemoryFormat) -> Result<bool> {
    match channels_last(x, format) {
        Some(_) => Ok(moved(&x.detach(), false)?.is_contiguous()),
        None => Ok(matches!(format, MemoryFormat::Contiguous | MemoryFormat::Preserve) && x.is_contiguous()),
    }
}

/// Itself if its memory is in this order, else a copy that is.
pub fn contiguous(x: &Tensor, format: MemoryFormat) -> Result<Tensor> {
    wrong_rank(x, format)?;
    match channels_last(x, format) {
        Some(_) if is_contiguous(x, format)? => Ok(x.clone()),
        Some(_) => moved(&moved(x, false)?.contiguous()?, true),
        None => x.contiguous(),
    }
}

fn clone(x: &Tensor, format: Format) -> Result<Tensor> {
    match format {
        Some(format @ (MemoryFormat::ChannelsLast | MemoryFormat::ChannelsLast3d)) => {
            wrong_rank(x, format)?;
            moved(&moved(x, false)?.copy()?, true)
        }
        // Memory without gaps keeps its order.
        Some(MemoryFormat::Preserve) | None if !x.is_contiguous() => match x.ndim() {
            4 if is_contiguous(x, MemoryFormat::ChannelsLast)? => clone(x, Some(MemoryFormat::ChannelsLast)),
            5 if is_contiguous(x, MemoryFormat::ChannelsLast3d)? => clone(x, Some(MemoryFormat::ChannelsLast3d)),
            2 if x.transpose(0, 1)?.is_contiguous() => x.transpose(0, 1)?.copy()?.transpose(0, 1),
            _ => x.copy(),
        },
        _ => x.copy(),
    }
}

/// `x.to(…)`: itself if there is nothing to do.
pub fn to(x: &Tensor, dtype: Option<DType>, device: Option<Device>, copy: bool, format: Format) -> PyResult<Tensor> {
    // To the CPU before, to a device after the conversion: the CPU has all dtypes.
    let mut result = match device {
        Some(device) if device.is_cpu() => types::to_device(x.clone(), Some(device))?,
        _ => x.clone(),
    };
    result = result.to(dtype.unwrap_or(x.dtype())).py()?;
    if let Some(device) = device {
        result = types::to_device(result, Some(device))?;
    }
    if let Some(format) = format.filter(|f| *f != MemoryFormat::Preserve) {
        result = contiguous(&result, format).py()?;
    }
    if copy && result.storage().same(x.storage()) { clone(&result, None).py() } else { Ok(result) }
}

/// The dtype that `"torch.FloatTensor"` names.
fn named_type(name: &str) -> PyResult<DType> {
    let short = name.strip_prefix("torch.").or_else(|| name.strip_prefix("rushlight.")).unwrap_or(name);
    if short == "Tensor" {
        return Ok(rushlight::dtype::default_dtype());
    }
    let found = DType::ALL.into_iter().find(|dtype| class::props::type_name(*dtype) == short);
    found.ok_or_else(|| PyValueError::new_err(format!("invalid type: '{name}'")))
}

/// `x.type()` tells the type, `x.type(t)` converts to it.
fn type_(x: &Tensor, ty: Object) -> PyResult<Py<PyAny>> {
    let py = ty.py();
    if ty.is_none() {
        let place = if Device::of(x).is_cpu() { "torch" } else { "torch.gpu" };
        let name = format!("{place}.{}", class::props::type_name(x.dtype()));
        return Ok(name.into_pyobject(py)?.into_any().unbind());
    }
    let dtype = if types::is_dtype(ty) {
        types::dtype(ty)?
    } else if let Ok(name) = ty.extract::<String>() {
        named_type(&name)?
    } else if ty.is_instance_of::<PyType>() && ty.hasattr("dtype")? {
        types::dtype(ty.getattr("dtype")?.as_borrowed())?
    } else {
        return Err(PyRuntimeError::new_err("dtype must be a type, str, or dtype object"));
    };
    Ok(class::wrap(py, x.to(dtype).py()?)?.unbind())
}

table! {
    /// The tensor in a dtype, on a device; itself if it is so already.
    method:
        "to(Tensor self, Device? device=None, ScalarType? dtype=None, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None) -> Tensor"
            => |x: &Tensor, device: Option<Device>, dtype: Option<DType>, _: bool, copy: bool, format: Format| to(x, dtype, device, copy, format),
        "to(Tensor self, ScalarType dtype, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None) -> Tensor"
            => |x: &Tensor, dtype: DType, _: bool, copy: bool, format: Format| to(x, Some(dtype), None, copy, format),
        "to(Tensor self, Tensor other, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None) -> Tensor"
            => |x: &Tensor, y: &Tensor, _: bool, copy: bool, format: Format| to(x, Some(y.dtype()), Some(Device::of(y)), copy, format);

    /// The type's name, or the tensor in another type.
    method: "type(Tensor self, Any dtype=None, bool non_blocking=False) -> Any" => |x: &Tensor, ty: Object, _: bool| type_(x, ty);
    /// The tensor with the dtype of `other`; itself if it has it.
    method: "type_as(Tensor self, Tensor other) -> Tensor" => |x: &Tensor, y: &Tensor| to(x, Some(y.dtype()), Some(Device::of(y)), false, None);

    /// Whether each element is not zero.
    method: "bool(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, Some(DType::Bool), None, false, f);
    /// The tensor in uint8.
    method: "byte(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, Some(DType::U8), None, false, f);
    /// The tensor in int8.
    method: "char(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, Some(DType::I8), None, false, f);
    /// The tensor in int16.
    method: "short(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, Some(DType::I16), None, false, f);
    /// The tensor in int32.
    method: "int(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, Some(DType::I32), None, false, f);
    /// The tensor in int64.
    method: "long(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, Some(DType::I64), None, false, f);
    /// The tensor in float16.
    method: "half(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, Some(DType::F16), None, false, f);
    /// The tensor in bfloat16.
    method: "bfloat16(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, Some(DType::BF16), None, false, f);
    /// The tensor in float32.
    method: "float(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, Some(DType::F32), None, false, f);
    /// The tensor in float64.
    method: "double(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, Some(DType::F64), None, false, f);
    /// The tensor in complex64.
    method: "cfloat(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, Some(DType::C64), None, false, f);
    /// The tensor in complex128.
    method: "cdouble(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, Some(DType::C128), None, false, f);

    /// The tensor on the CPU; itself if it is there.
    method: "cpu(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x: &Tensor, f: Format| to(x, None, Some(Device::CPU), false, f);
    /// The tensor on a CUDA device, of which Rushlight has none: raises.
    method: "cuda(Tensor self, Device? device=None, bool non_blocking=False, *, MemoryFormat? memory_format=None) -> Tensor"
        => |x: &Tensor, _: Option<Device>, _: bool, f: Format| to(x, None, Some(Device::parse("cuda")?), false, f);
    /// The tensor on the GPU.
    method: "gpu(Tensor self, bool non_blocking=False) -> Tensor"
        => |x: &Tensor, _: bool| to(x, None, Some(Device::parse("gpu")?), false, None);

    /// A copy.
    fn method: "clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => clone;
    /// Itself if its memory is dense (in the given order), else a copy that is.
    method: "contiguous(Tensor self, *, MemoryFormat memory_format=contiguous_format) -> Tensor" => contiguous;
    /// Whether the elements lie in memory in the order of `memory_format`, without gaps.
    method: "is_contiguous(Tensor self, *, MemoryFormat memory_format=contiguous_format) -> bool" => is_contiguous;

    /// Writes the values of another tensor into this one.
    method: "copy_(Tensor self, Tensor src, bool non_blocking=False) -> Tensor"
        => |x: &Tensor, src: &Tensor, _: bool| x.copy_(src).map(|()| x.clone());

    /// The smallest dtype that holds the values of both.
    fn: "promote_types(ScalarType type1, ScalarType type2) -> ScalarType" => DType::promote;
    /// Whether promotion lets values of one dtype become another's: not from complex to real, from float to integer, or from number to bool.
    fn: "can_cast(ScalarType from_, ScalarType to) -> bool" => DType::can_cast;
    /// The dtype that an arithmetic operation on these would have.
    fn:
        "result_type(Scalar|Tensor tensor1, Scalar|Tensor tensor2) -> ScalarType"
            => |a: crate::core::Operand, b: crate::core::Operand| crate::core::result_type(a, b);
}
