//! Reductions and row kernels: over all, over rows, over columns.

mod common;

use common::{Work, case, normal, title};
use rushlight::ops::reduce;
use rushlight::{DType, Result};

fn main() -> Result<()> {
    title("reduce");
    for n in [4096usize, 4 << 20] {
        let size = if n < 1 << 20 { format!("{}k", n >> 10) } else { format!("{}M", n >> 20) };
        let x = normal(&[n], DType::F32)?;
        case(&format!("sum f32 {size}"), Work::Bytes(4 * n), || x.sum_all());
        case(&format!("max f32 {size}"), Work::Bytes(4 * n), || reduce::max_all(&x));
        case(&format!("argmax f32 {size}"), Work::Bytes(4 * n), || reduce::argmax(&x, None, false));
    }
    for shape in [[65536usize, 64], [2048, 2048], [64, 65536]] {
        let x = normal(&shape, DType::F32)?;
        let (bytes, size) = (4 * x.numel(), format!("{}x{}", shape[0], shape[1]));
        case(&format!("sum f32 {size} rows"), Work::Bytes(bytes), || x.sum(&[1], false));
        case(&format!("sum f32 {size} columns"), Work::Bytes(bytes), || x.sum(&[0], false));
        case(&format!("amax f32 {size} rows"), Work::Bytes(bytes), || x.amax(&[1], false));
        case(&format!("var f32 {size} rows"), Work::Bytes(bytes), || reduce::var(&x, &[1], 1.0, false));
        case(&format!("softmax f32 {size} rows"), Work::Bytes(2 * bytes), || x.softmax(1));
        case(&format!("layer_norm f32 {size} rows"), Work::Bytes(2 * bytes), || x.layer_norm(None, None, 1e-5));
    }
    let (half, wide) = (normal(&[2048, 2048], DType::BF16)?, normal(&[2048, 2048], DType::F64)?);
    case("sum bfloat16 2048x2048 rows", Work::Bytes(2 << 22), || half.sum(&[1], false));
    case("sum float64 2048x2048 rows", Work::Bytes(8 << 22), || wide.sum(&[1], false));
    Ok(())
}
