//! Elementwise kernels, by one op on the road: in a near cache, in a far one and from memory; strided; of other dtypes.

mod common;

use common::{Work, case, title};
use rushlight::{DType, Result, Tensor};

fn main() -> Result<()> {
    title("elementwise");
    for n in [4096usize, 256 << 10, 4 << 20] {
        let size = if n < 1 << 20 { format!("{}k", n >> 10) } else { format!("{}M", n >> 20) };
        let (a, b) = (Tensor::full(&[n], 0.75, DType::F32)?, Tensor::full(&[n], 1.25, DType::F32)?);
        case(&format!("add f32 {size}"), Work::Bytes(12 * n), || a.add(&b));
        case(&format!("add_ f32 {size}"), Work::Bytes(12 * n), || a.add_(&b).map(drop));
        case(&format!("mul by a number f32 {size}"), Work::Bytes(8 * n), || a.mul(1.5));
        case(&format!("exp f32 {size}"), Work::Bytes(8 * n), || b.exp());
        case(&format!("tanh f32 {size}"), Work::Bytes(8 * n), || b.tanh());
        case(&format!("lt f32 {size}"), Work::Bytes(9 * n), || a.lt(&b));
    }
    let n = 256 << 10;
    for dtype in [DType::F64, DType::BF16, DType::I64, DType::I32, DType::U8] {
        let (a, b) = (Tensor::full(&[n], 3, dtype)?, Tensor::full(&[n], 2, dtype)?);
        case(&format!("add {dtype} 256k"), Work::Bytes(3 * n * dtype.size()), || a.add(&b));
    }
    let (a, b) = (Tensor::full(&[n], 0.75, DType::BF16)?, Tensor::full(&[n], 1.25, DType::F32)?);
    case("exp bfloat16 256k", Work::Bytes(4 * n), || a.exp());
    case("add bfloat16 + float32 256k", Work::Bytes(10 * n), || a.add(&b));

    let square = Tensor::full(&[2048, 2048], 0.5, DType::F32)?;
    let (turned, row) = (square.transpose(0, 1)?, Tensor::full(&[2048], 2.0, DType::F32)?);
    case("add f32 2048x2048 + its transpose", Work::Bytes(12 << 22), || square.add(&turned));
    case("add f32 2048x2048 + row", Work::Bytes(8 << 22), || square.add(&row));
    case("copy of the transpose f32 2048x2048", Work::Bytes(8 << 22), || turned.contiguous());
    Ok(())
}
