//! Tables of vectors: looking rows up, alone and in bags.

use super::{IndexPut, get};
use crate::autograd::{self, Ctx};
use crate::device::Gpu;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::op::{Grads, Inputs, Keep, Metas, Op, Out, apply, new};
use crate::ops::gpu::index as on_gpu;
use crate::ops::index::{index_add, masked_fill_scalar, scatter_reduce};
use crate::ops::shape::unsqueeze;
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: Embedding, EmbeddingBackward);

/// Rows of `weight` (input 0) at the indices (input 1). Row `padding` gets no gradient; with `by_freq` each row's gradient is
/// divided by how often it was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Embedding {
    pub padding: i64,
    pub by_freq: bool,
}

impl Op for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (weight, indices) = (&inputs[0], &inputs[1]);
        if weight.ndim() != 2 {
            return Err(Error::shape("embedding", "a table of 2 dimensions", weight.shape()));
        }
        let mut shape: crate::layout::Shape = indices.shape().into();
        shape.push(weight.shape()[1]);
        new(weight.dtype(), shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        super::none_negative("embedding", &inputs[1], inputs[0].shape()[0])?;
        super::Index { start: 0 }.cpu(inputs, outputs)
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        super::Index { start: 0 }.gpu(gpu, inputs, outputs)
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let rows = ctx.shape(0)[0] as i64;
        Ok(smallvec![Some(embedding_backward(&ctx.grad(0)?, &ctx.input(1)?, rows, self.padding, self.by_freq)?), None])
    }
    crate::attributes!(padding, by_freq);
}

/// Input 0, row by row, added up at the indices (input 1) of a table; row `padding` stays zero.
#[derive(Clone, Copy, Debug)]
struct EmbeddingBackward {
    rows: usize,
    padding: i64,
}

impl Op for EmbeddingBackward {
    fn name(&self) -> &'static str {
        "embedding_dense_backward"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        new(inputs[0].dtype(), &[self.rows, inputs[0].shape().last().copied().unwrap_or(0)][..])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let table = &outputs[0];
        let bytes = table.numel() * table.dtype().size();
        // SAFETY: the output is new and dense; all-zero bytes are zero.
        unsafe { table.ptr().write_bytes(0, bytes) };
        let add = IndexPut { start: 0, accumulate: true };
        add.cpu(Inputs(&[Some(table), Some(&inputs[0]), Some(&inputs[1])]), outputs)?;
        if (0..self.rows as i64).contains(&self.padding) {
            let row = bytes / self.rows;
            // SAFETY: one row of the output.
            unsafe { table.ptr().add(self.padding as usize * row).write_bytes(0, row) };
        }
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let (table, indices) = (&outputs[0], &inputs[1]);
        gpu.fill(table, Scalar::Int(0))?;
        let ran = on_gpu::put(gpu, 0, true, &inputs[0], &[indices], [indices.shape(), inputs[0].shape()], table)?;
        if (0..self.rows as i64).contains(&self.padding) {
            let row = table.layout().slice(0, self.padding as usize, 1, 1);
            gpu.fill(&Tensor::build(table.storage().clone(), row, table.dtype(), None), Scalar::Int(0))?;
        }
        Ok(ran)
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let indices = ctx.input(1)?;
        let mut grad = get(&ctx.grad(0)?, 0, std::slice::from_ref(&indices))?;
        if self.padding >= 0 {
            let padded = unsqueeze(&indices.eq(self.padding)?, -1)?;
            grad = masked_fill_scalar(&grad, &padded, Scalar::Int(0), Out::New)?;
        }
        Ok(smallvec![Some(grad), None])
    }
    crate::attributes!(rows, padding);
}

fn index_tensor(op: &'static str, indices: &Tensor) -> Result<Tensor> {
    if !matches!(indices.dtype(), DType::I64 | DType::I32) {
        let message = format!(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got {} instead",
            indices.dtype().scalar_name()
        );
        return Err(Error::custom(op, message));
    }
    indices.detach().to(DType::I64)?.contiguous()
}

/// Rows of a matrix; `padding` (−1 for none) names one that gets no gradient.
pub fn embedding(weight: &Tensor, indices: &Tensor, padding: i64, by_freq: bool) -> Result<Tensor> {
    if weight.ndim() != 2 {
        return Err(Error::custom("embedding", "'weight' must be 2-D"));
    }
    apply(Embedding { padding, by_freq }, [weight, &index_tensor("embedding", indices)?])
}

/// The gradient of a table from that of its rows.
pub fn embedding_backward(grad: &Tensor, indices: &Tensor, rows: i64, padding: i64, by_freq: bool) -> Result<Tensor> {
    let indices = index_tensor("embedding_dense_backward", indices)?;
    let mut grad = grad.clone();
    if by_freq {
        let flat = indices.reshape(&[indices.numel()])?;
        let ones = Tensor::ones(flat.shape(), grad.dtype())?;
        let counts =
            index_add(&Tensor::zeros(&[rows as usize], grad.dtype())?, 0, &flat, &ones, Scalar::Int(1), Out::New)?;
        grad = grad.div(&unsqueeze(&get(&counts, 0, std::slice::from_ref(&indices))?, -1)?)?;
    }
    apply(EmbeddingBackward { rows: rows as usize, padding }, [&grad, &indices])
}

/// A tensor where another one is.
fn there(x: Tensor, like: &Tensor) -> Result<Tensor> {
    match like.driver() {
        None => Ok(x),
        driver => crate::device::transfer(&x, driver),
    }
}

/// Shortens rows that are longer than `max_norm` in the p-norm, in place.
pub fn embedding_renorm_(weight: &Tensor, indices: &Tensor, max_norm: f64, p: f64) -> Result<()> {
    let indices = index_tensor("embedding_renorm_", indices)?;
    let mut used = indices.to_vec::<i64>()?;
    used.sort_unstable();
    used.dedup();
    let used = there(Tensor::from_slice(&used, &[used.len()])?, weight)?;
    autograd::no_grad(|| {
        let rows = get(weight, 0, std::slice::from_ref(&used))?;
        let (count, width) = (rows.shape()[0], rows.shape()[1]);
        let values = rows.to_cpu()?.to(DType::F64)?.to_vec::<f64>()?;
        let norm = |row: &[f64]| match p {
            f64::INFINITY => row.iter().fold(0.0, |m: f64, x| m.max(x.abs())),
            2.0 => row.iter().map(|x| x * x).sum::<f64>().sqrt(),
            p => row.iter().map(|x| x.abs().powf(p)).sum::<f64>().powf(1.0 / p),
        };
        let scale = |row: &[f64]| {
            let norm = norm(row);
            if norm > max_norm { max_norm / (norm + 1e-7) } else { 1.0 }
        };
        let scales: Vec<f64> = values.chunks(width.max(1)).take(count).map(scale).collect();
        let scales = there(Tensor::from_slice(&scales, &[scales.len(), 1])?.to(weight.dtype())?, weight)?;
        super::put(weight, 0, std::slice::from_ref(&used), &rows.mul(&scales)?, false, Out::InPlace(weight)).map(|_| ())
    })
}

/// How a bag of rows becomes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bag {
    Sum,
    Mean,
    Max,
}

/// What [`embedding_bag`] is asked for besides the table and the indices.
pub struct BagOptions<'a> {
    pub by_freq: bool,
    pub mode: Bag,
    pub weights: Option<&'a Tensor>,
    /// The last offset is the end of the last bag, not the start of another.
    pub last_offset: bool,
    pub padding: Option<i64>,
}

/// Sums, means or maxima of bags of rows; bag k goes from `offsets[k]` to the next offset. Gives the bags, the bag of each
/// index, the size of each bag, and for maxima an empty list in place of their positions.
pub fn embedding_bag(weight: &Tensor, indices: &Tensor, offsets: &Tensor, options: BagOptions) -> Result<[Tensor; 4]> {
    let fail = |message: String| Err(Error::custom("embedding_bag", message));
    let BagOptions { by_freq, mode, weights, last_offset, padding } = options;
    if weight.ndim() != 2 || indices.ndim() != 1 || offsets.ndim() != 1 {
        return fail(format!(
            "expected a 2-D weight, 1-D indices and 1-D offsets, got {:?}, {:?} and {:?}",
            weight.shape(),
            indices.shape(),
            offsets.shape()
        ));
    }
    if !matches!(indices.dtype(), DType::I64 | DType::I32) || !matches!(offsets.dtype(), DType::I64 | DType::I32) {
        return fail(format!(
            "expected indices and offsets of dtype int32 or int64, got {} and {}",
            indices.dtype(),
            offsets.dtype()
        ));
    }
    if let Some(w) = weights {
        if mode != Bag::Sum {
            return fail(
                "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum'"
                    .into(),
            );
        }
        if w.shape() != indices.shape() || w.dtype() != weight.dtype() {
            return fail(format!(
                "expected per_sample_weights of shape {:?} and dtype {}, got {:?} and {}",
                indices.shape(),
                weight.dtype(),
                w.shape(),
                w.dtype()
            ));
        }
    }
    let rows = weight.shape()[0] as i64;
    let padding = match padding {
        Some(p) if !(-rows..rows).contains(&p) => {
            return fail(format!(
                "padding_idx must be within the number of embeddings, -{rows} through {}, but got {p}",
                rows - 1
            ));
        }
        Some(p) => Some(if p < 0 { p + rows } else { p }),
        None => None,
    };
    let indices = index_tensor("embedding_bag", indices)?;
    let mut starts = offsets.detach().to(DType::I64)?.to_vec::<i64>()?;
    let listed = indices.to_vec::<i64>()?;
    if starts.first().is_some_and(|&first| first != 0) {
        return fail(format!(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got {}",
            starts[0]
        ));
    }
    if starts.last().is_some_and(|&last| last > listed.len() as i64) {
        return fail(format!(
            "offsets[-1] can not be greater than input's length {} but got offsets[-1] of {}",
            listed.len(),
            starts[starts.len() - 1]
        ));
    }
    if last_offset && starts.pop().is_none() {
        return fail("include_last_offset: number of offsets should be at least 1".into());
    }
    let bags = starts.len();
    let (mut kept, mut bag_of, mut sizes) = (Vec::new(), Vec::new(), vec![0i64; bags]);
    for k in 0..bags {
        let end = starts.get(k + 1).copied().unwrap_or(listed.len() as i64);
        for i in (starts[k].max(0)..end).filter(|&i| Some(listed[i as usize]) != padding) {
            kept.push(i);
            bag_of.push(k as i64);
            sizes[k] += 1;
        }
    }
    let all = kept.len() == listed.len();
    let kept = there(Tensor::from_slice(&kept, &[kept.len()])?, weight)?;
    let bag_of = there(Tensor::from_slice(&bag_of, &[bag_of.len()])?, weight)?;
    let sizes = there(Tensor::from_slice(&sizes, &[bags])?, weight)?;
    let pick = |t: &Tensor| if all { Ok(t.clone()) } else { t.index_select(0, &kept) };
    let mut looked = embedding(weight, &pick(&indices)?, -1, by_freq)?;
    if let Some(w) = weights {
        looked = looked.mul(&unsqueeze(&pick(w)?, -1)?)?;
    }
    let zeros = Tensor::zeros(&[bags, weight.shape()[1]], weight.dtype())?;
    let result = match mode {
        Bag::Max => {
            let wide = unsqueeze(&bag_of, -1)?.expand(looked.shape())?;
            scatter_reduce(&zeros, 0, &wide, &looked, "amax", false, Out::New)?
        }
        _ => index_add(&zeros, 0, &bag_of, &looked, Scalar::Int(1), Out::New)?,
    };
    let result = match mode {
        Bag::Mean => result.div(&unsqueeze(&sizes.maximum(1i64)?, -1)?.to(weight.dtype())?)?,
        _ => result,
    };
    Ok([result, bag_of, sizes, Tensor::empty(&[0], DType::I64)?])
}
