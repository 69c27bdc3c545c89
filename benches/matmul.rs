//! Matrix products: square ones, thin ones, vectors, batches, transposed factors, other dtypes.

mod common;

use common::{Work, case, normal, title};
use rushlight::{DType, Result, Tensor};

fn main() -> Result<()> {
    title("matmul");
    let squares = [16usize, 64, 256, 512, 1024, 2048].map(|n| [n, n, n]);
    let others = [[1, 1024, 1024], [8, 4096, 4096], [64, 784, 128], [4096, 64, 64], [1024, 1024, 1]];
    for [m, k, n] in squares.into_iter().chain(others) {
        let (a, b) = (normal(&[m, k], DType::F32)?, normal(&[k, n], DType::F32)?);
        case(&format!("f32 {m}x{k} @ {k}x{n}"), Work::Flops(2 * m * k * n), || a.matmul(&b));
    }
    let n = 512;
    let flops = 2 * n * n * n;
    let (a, b) = (normal(&[n, n], DType::F32)?, normal(&[n, n], DType::F32)?.transpose(0, 1)?);
    case("f32 512x512 @ transposed", Work::Flops(flops), || a.matmul(&b));
    let (a, b) = (normal(&[64, 128, 64], DType::F32)?, normal(&[64, 64, 128], DType::F32)?);
    case("f32 64 of 128x64 @ 64x128", Work::Flops(64 * 2 * 128 * 64 * 128), || a.matmul(&b));
    for dtype in [DType::F64, DType::BF16, DType::I32, DType::C64] {
        let ones = Tensor::ones(&[n, n], dtype)?;
        let flops = if dtype.is_complex() { 4 * flops } else { flops };
        case(&format!("{dtype} 512x512 @ 512x512"), Work::Flops(flops), || ones.matmul(&ones));
    }
    Ok(())
}
