//! How elements of a dtype lie in device memory. WGSL knows f32, i32, u32 and, on some adapters, f16; what is narrower or wider
//! on the CPU is held in one of these. Offsets and strides count elements, so layouts mean the same on both sides.

use super::Driver;
use crate::dtype::DType;
use crate::error::{Error, Result};
use std::sync::Arc;

/// The type that a shader computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wide {
    F32,
    I32,
}

impl Wide {
    pub fn name(self) -> &'static str {
        match self {
            Wide::F32 => "f32",
            Wide::I32 => "i32",
        }
    }
}

/// How one element is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The element type of the array in WGSL.
    pub name: &'static str,
    pub bytes: usize,
    /// What it becomes when loaded.
    pub wide: Wide,
}

impl Form {
    /// None for dtypes that no shader can hold.
    pub fn any(dtype: DType) -> Option<Form> {
        let (name, bytes, wide) = match dtype {
            DType::Bool | DType::U8 => ("u32", 4, Wide::I32),
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => ("i32", 4, Wide::I32),
            DType::F32 => ("f32", 4, Wide::F32),
            DType::F16 => ("f16", 2, Wide::F32),
            _ => return None,
        };
        Some(Form { name, bytes, wide })
    }

    /// How this device holds the dtype; an error if it cannot.
    pub fn of(dtype: DType, driver: &Arc<dyn Driver>) -> Result<Form> {
        match Form::any(dtype) {
            Some(_) if dtype == DType::F16 && !driver.limits().f16 => Err(Error::custom(
                "gpu",
                "this adapter has no 16-bit floats (shader-f16): use .float() before .to('gpu')",
            )),
            Some(form) => Ok(form),
            None => {
                let way = if dtype.is_complex() { "torch.view_as_real(x).float()" } else { ".float()" };
                let message = format!(
                    "float32, float16, an integer dtype or bool, which are what shaders hold on {} (convert with {way} first)",
                    driver.name()
                );
                Err(Error::Type { op: "gpu", expected: message, given: format!("dtype {dtype}") })
            }
        }
    }

    /// The WGSL expression that holds the value `v` (of the wide type) as an element.
    pub fn narrow(dtype: DType, v: &str) -> String {
        match dtype {
            DType::Bool => format!("u32({v} != 0)"),
            DType::U8 => format!("(u32({v}) & 255u)"),
            DType::I8 => format!("(({v} << 24u) >> 24u)"),
            DType::I16 => format!("(({v} << 16u) >> 16u)"),
            DType::F16 => format!("f16({v})"),
            _ => v.to_string(),
        }
    }

    /// CPU bytes of elements to what the device holds.
    pub fn to_device(dtype: DType, bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(match dtype {
            DType::Bool | DType::U8 => bytes.iter().flat_map(|&b| (b as u32).to_ne_bytes()).collect(),
            DType::I8 => bytes.iter().flat_map(|&b| (b as i8 as i32).to_ne_bytes()).collect(),
            DType::I16 => {
                bytes.as_chunks::<2>().0.iter().flat_map(|&b| (i16::from_ne_bytes(b) as i32).to_ne_bytes()).collect()
            }
            DType::I64 => {
                let mut all = crate::storage::room("to", bytes.len() / 2)?;
                for &b in bytes.as_chunks::<8>().0 {
                    let wide = i64::from_ne_bytes(b);
                    let value = i32::try_from(wide).map_err(|_| {
                        let message = format!(
                            "the int64 value {wide} does not fit: integers on the GPU have 32 bits, from {} to {}",
                            i32::MIN,
                            i32::MAX
                        );
                        Error::custom("to", message)
                    })?;
                    all.extend_from_slice(&value.to_ne_bytes());
                }
                all
            }
            _ => bytes.to_vec(),
        })
    }

    /// What the device holds to CPU bytes of elements.
    pub fn to_host(dtype: DType, bytes: Vec<u8>) -> Vec<u8> {
        let words = || bytes.as_chunks::<4>().0.iter().map(|&b| i32::from_ne_bytes(b));
        match dtype {
            DType::Bool => words().map(|w| (w != 0) as u8).collect(),
            DType::U8 | DType::I8 => words().map(|w| w as u8).collect(),
            DType::I16 => words().flat_map(|w| (w as i16).to_ne_bytes()).collect(),
            DType::I64 => words().flat_map(|w| (w as i64).to_ne_bytes()).collect(),
            _ => bytes,
        }
    }
}
