//! The products that PyTorch names, made of the three ops.

use super::{AddMm, Linear, MatMul, check_dtype};
use crate::dtype::{DType, Scalar, result_type};
use crate::error::{Error, Result};
use crate::layout::{Shape, wrap_dims};
use crate::op::{Out, apply};
use crate::ops::create::eye;
use crate::ops::logic::logical_or;
use crate::ops::shape::{self, permute, unsqueeze};
use crate::tensor::Tensor;

fn fail<T>(op: &'static str, text: String) -> Result<T> {
    Err(Error::custom(op, text))
}

fn needs_ndim(op: &'static str, name: &str, x: &Tensor, ndim: usize) -> Result<()> {
    if x.ndim() == ndim {
        return Ok(());
    }
    let what = ["a number", "a vector", "a matrix"].get(ndim).copied().unwrap_or("a 3D tensor");
    fail(op, format!("{name} must be {what}, got {}-D tensor of shape {:?}", x.ndim(), x.shape()))
}

/// `torch.matmul`
pub fn matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    apply(MatMul {}, [a, b])
}

/// A matrix times a matrix.
pub fn mm(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    needs_ndim("mm", "self", a, 2)?;
    needs_ndim("mm", "mat2", b, 2)?;
    apply(MatMul {}, [a, b])
}

fn check_batches(op: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    for (name, x) in [("batch1", a), ("batch2", b)] {
        if x.ndim() != 3 {
            return fail(op, format!("{name} must be a 3D tensor, got shape {:?}", x.shape()));
        }
    }
    let (a, b) = (a.shape(), b.shape());
    if a[0] != b[0] || a[2] != b[1] {
        let (batch, k) = (a[0], a[2]);
        let text = "Expected size for first two dimensions of batch2 tensor to be";
        return fail(op, format!("{text}: [{batch}, {k}] but got: [{}, {}].", b[0], b[1]));
    }
    Ok(())
}

/// A batch of matrices times another.
pub fn bmm(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    check_batches("bmm", a, b)?;
    apply(MatMul {}, [a, b])
}

/// A matrix times a vector.
pub fn mv(a: &Tensor, x: &Tensor) -> Result<Tensor> {
    if a.ndim() != 2 || x.ndim() != 1 {
        return fail("mv", format!("vector + matrix @ vector expected, got {:?} and {:?}", a.shape(), x.shape()));
    }
    apply(MatMul {}, [a, x])
}

/// The sum of the products of two vectors.
pub fn dot(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    check_vectors("dot", a, b)?;
    apply(MatMul {}, [a, b])
}

/// The same with the conjugate of the first.
pub fn vdot(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    check_vectors("vdot", a, b)?;
    a.conj()?.matmul(b)
}

fn check_vectors(op: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    if a.ndim() != 1 || b.ndim() != 1 {
        return fail(op, format!("1D tensors expected, but got {}D and {}D tensors", a.ndim(), b.ndim()));
    }
    if a.dtype() != b.dtype() {
        let (a, b) = (a.dtype().scalar_name(), b.dtype().scalar_name());
        return fail(op, format!("expected both vectors to have same dtype, but found {a} and {b}"));
    }
    Ok(())
}

/// Products of the last dimensions of both.
pub fn inner(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.ndim() == 0 || b.ndim() == 0 {
        return a.mul(b);
    }
    let (rest_a, k) = a.shape().split_at(a.ndim() - 1);
    let (rest_b, l) = b.shape().split_at(b.ndim() - 1);
    if k != l {
        let text = "inner() the last dimension must match on both input tensors but got shapes";
        return fail("inner", format!("{text} {:?} and {:?}", a.shape(), b.shape()));
    }
    check_dtype("inner", a, b)?;
    let rows = b.reshape(&[rest_b.iter().product(), k[0]])?;
    a.matmul(&rows.t()?)?.reshape(&[rest_a, rest_b].concat())
}

/// All products of the elements of two vectors.
pub fn outer(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    for (name, x) in [("self", a), ("vec2", b)] {
        if x.ndim() != 1 {
            return fail("outer", format!("Expected 1-D argument {name}, but got {}-D", x.ndim()));
        }
    }
    unsqueeze(a, 1)?.mul(b)
}

fn add_product(input: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    apply(AddMm { alpha, beta }, [input, a, b])
}

/// `beta·input + alpha·a·b`
pub fn addmm(input: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    needs_ndim("addmm", "mat1", a, 2)?;
    needs_ndim("addmm", "mat2", b, 2)?;
    add_product(input, a, b, beta, alpha)
}

/// The same for a matrix and a vector.
pub fn addmv(input: &Tensor, a: &Tensor, x: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    if a.ndim() != 2 || x.ndim() != 1 || input.ndim() > 1 {
        let given = format!("{:?}, {:?} and {:?}", input.shape(), a.shape(), x.shape());
        return fail("addmv", format!("vector + matrix @ vector expected, got {given}"));
    }
    add_product(input, a, x, beta, alpha)
}

/// The same for batches.
pub fn baddbmm(input: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    check_batches("baddbmm", a, b)?;
    add_product(input, a, b, beta, alpha)
}

/// The same, summed over the batch: one product along batch and columns.
pub fn addbmm(input: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    check_batches("addbmm", a, b)?;
    let (batch, m, k) = (a.shape()[0], a.shape()[1], a.shape()[2]);
    let side = permute(a, &[1, 0, 2])?.reshape(&[m, batch * k])?;
    let stack = b.reshape(&[batch * k, b.shape()[2]])?;
    add_product(input, &side, &stack, beta, alpha)
}

/// `beta·input + alpha·outer(a, b)`
pub fn addr(input: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    for (name, x) in [("vec1", a), ("vec2", b)] {
        if x.ndim() != 1 {
            return fail("addr", format!("Expected 1-D argument {name}, but got {}-D", x.ndim()));
        }
    }
    let standings = [input, a, b].map(|x| (x.dtype(), x.standing()));
    let dtype = result_type(standings.into_iter());
    for (name, factor) in [("beta", beta), ("alpha", alpha)] {
        match factor {
            Scalar::Float(_) | Scalar::Complex(..) if !dtype.is_differentiable() => {
                let text = "must not be a floating point number.";
                return fail("addr", format!("For integral input tensors, argument {name} {text}"));
            }
            Scalar::Complex(..) if !dtype.is_complex() => {
                let text = format!("{name} is complex, and cannot be converted to {} without overflow", dtype.name());
                return fail("addr", text);
            }
            _ => {}
        }
    }
    let full = [a.shape()[0], b.shape()[0]];
    input.layout().expand("addr", &full)?;
    let mut product = outer(a, b)?.to(dtype)?;
    if dtype == DType::Bool {
        // Sums of truth values are "or".
        let zero = Tensor::zeros(&full, dtype)?;
        product = if alpha.is_zero() { zero } else { product };
        return if beta.is_zero() { Ok(product) } else { logical_or(input.into(), (&product).into(), Out::New) };
    }
    if !alpha.is_one() {
        product = product.mul(alpha)?;
    }
    if beta.is_zero() {
        return Ok(product);
    }
    let input = if beta.is_one() { input.clone() } else { input.to(dtype)?.mul(beta)? };
    input.add(&product)
}

/// `x·weightᵀ + bias`
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    if x.ndim() == 0 || weight.ndim() == 0 {
        let dims = format!("{}D and {}D", x.ndim(), weight.ndim());
        return fail("linear", format!("both arguments to linear need to be at least 1D, but they are {dims}"));
    }
    if weight.ndim() == 1 {
        let product = x.matmul(weight)?;
        return bias.map_or_else(|| Ok(product.clone()), |bias| product.add(bias));
    }
    apply(Linear {}, [Some(x), Some(weight), bias])
}

/// `Σ a[i]·weight[o, i, j]·b[j] + bias[o]`
pub fn bilinear(a: &Tensor, b: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let ([batch @ .., i], [batch_b @ .., j], [o, wi, wj]) = (a.shape(), b.shape(), weight.shape()) else {
        let given = format!("{:?}, {:?} and {:?}", a.shape(), b.shape(), weight.shape());
        return fail(
            "bilinear",
            format!("expected inputs of at least one dimension and a weight of three, got {given}"),
        );
    };
    if batch != batch_b {
        let given = format!("{:?} and {:?}", a.shape(), b.shape());
        return fail("bilinear", format!("input batch dimensions do not match: got {given}"));
    }
    for (name, given, expected) in [("input1", i, wi), ("input2", j, wj)] {
        if given != expected {
            return fail(
                "bilinear",
                format!("{name} size does not match weight size: got {given} but expected {expected}"),
            );
        }
    }
    let rows: usize = batch.iter().product();
    let turned = permute(weight, &[1, 0, 2])?.reshape(&[*i, o * j])?;
    let left = a.reshape(&[rows, *i])?.matmul(&turned)?.reshape(&[rows, *o, *j])?;
    let sums = left.matmul(&b.reshape(&[rows, *j, 1])?)?;
    let result = sums.reshape(&[batch, &[*o]].concat())?;
    match bias {
        Some(bias) if bias.shape() != [*o] => {
            fail("bilinear", format!("bias size does not match weight size: got {:?} but expected [{o}]", bias.shape()))
        }
        Some(bias) => result.add(bias),
        None => Ok(result),
    }
}

/// Sums of products along given dimensions of both.
pub fn tensordot(a: &Tensor, b: &Tensor, dims_a: &[i64], dims_b: &[i64]) -> Result<Tensor> {
    if dims_a.len() != dims_b.len() {
        let text = format!("both dimension lists should have same length, got {dims_a:?} and {dims_b:?}");
        return fail("tensordot", text);
    }
    check_dtype("tensordot", a, b)?;
    let (along_a, along_b) = (wrap_dims("tensordot", dims_a, a.ndim())?, wrap_dims("tensordot", dims_b, b.ndim())?);
    let (mut a, mut b) = (a.clone(), b.clone());
    for (i, (&d, &e)) in along_a.iter().zip(&along_b).enumerate() {
        // A size of 1 stands for all, as if it were expanded.
        match (a.shape()[d], b.shape()[e]) {
            (m, n) if m == n => {}
            (1, _) => b = b.sum(&[e as i64], true)?,
            (_, 1) => a = a.sum(&[d as i64], true)?,
            (m, n) => {
                let (d, e) = (dims_a[i], dims_b[i]);
                let text = "contracted dimensions need to match, but first has size";
                return fail("tensordot", format!("{text} {m} in dim {d} and second has size {n} in dim {e}"));
            }
        }
    }
    let rest = |x: &Tensor, along: &Shape| -> Vec<i64> {
        (0..x.ndim()).filter(|d| !along.contains(d)).map(|d| d as i64).collect()
    };
    let (rest_a, rest_b) = (rest(&a, &along_a), rest(&b, &along_b));
    let signed = |along: &Shape| along.iter().map(|&d| d as i64).collect::<Vec<_>>();
    let sizes = |x: &Tensor, dims: &[i64]| dims.iter().map(|&d| x.shape()[d as usize]).collect::<Vec<_>>();
    let k: usize = sizes(&a, &signed(&along_a)).iter().product();
    let (size_a, size_b) = (sizes(&a, &rest_a), sizes(&b, &rest_b));
    let left = permute(&a, &[rest_a, signed(&along_a)].concat())?.reshape(&[size_a.iter().product(), k])?;
    let right = permute(&b, &[signed(&along_b), rest_b].concat())?.reshape(&[k, size_b.iter().product()])?;
    left.matmul(&right)?.reshape(&[size_a, size_b].concat())
}

/// The Kronecker product: every element of a times all of b.
pub fn kron(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let ndim = a.ndim().max(b.ndim());
    let padded = |x: &Tensor| [vec![1; ndim - x.ndim()], x.shape().to_vec()].concat();
    let (size_a, size_b) = (padded(a), padded(b));
    let spread = |sizes: &[usize], first: bool| -> Vec<usize> {
        sizes.iter().flat_map(|&n| if first { [n, 1] } else { [1, n] }).collect()
    };
    let product = a.reshape(&spread(&size_a, true))?.mul(&b.reshape(&spread(&size_b, false))?)?;
    let size: Vec<usize> = size_a.iter().zip(&size_b).map(|(m, n)| m * n).collect();
    product.reshape(&size)
}

/// A square matrix (or each of a batch) times itself, n times.
pub fn matrix_power(x: &Tensor, n: i64) -> Result<Tensor> {
    let op = "linalg.matrix_power";
    let [.., rows, columns] = x.shape() else {
        return fail(op, format!("The input tensor A must have at least 2 dimensions, got shape {:?}", x.shape()));
    };
    if rows != columns {
        let text = "A must be batches of square matrices, but they are";
        return fail(op, format!("{text} {rows} by {columns} matrices"));
    }
    if n < 0 {
        let n = n.checked_neg().ok_or_else(|| Error::argument(op, "a power above -2^63", n))?;
        return matrix_power(&crate::ops::linalg::inv(x)?, n);
    }
    if n == 0 {
        // A copy that is written over: what flows back through it is zero, but it flows.
        let one = x.copy()?;
        one.copy_(&eye(*rows as i64, *rows as i64, x.dtype())?)?;
        return Ok(one);
    }
    if n == 1 {
        return x.copy();
    }
    // Squares for the binary digits of n.
    let (mut square, mut result, mut left) = (x.clone(), None::<Tensor>, n);
    loop {
        if left & 1 == 1 {
            result = Some(match result {
                Some(result) => result.matmul(&square)?,
                None => square.clone(),
            });
        }
        left >>= 1;
        if left == 0 {
            return result.map_or_else(|| x.copy(), Ok);
        }
        square = square.matmul(&square)?;
    }
}

/// The product of several matrices in the order that costs least; the first and the last may be vectors.
pub fn multi_dot(list: &[Tensor]) -> Result<Tensor> {
    let op = "linalg.multi_dot";
    let ([first, .., last], n) = (list, list.len()) else {
        return fail(op, format!("multi_dot(): expected at least 2 tensors but got {}", list.len()));
    };
    for (i, x) in list.iter().enumerate() {
        let end = i == 0 || i == n - 1;
        if x.ndim() != 2 && !(end && x.ndim() == 1) {
            let expected = if end { "1D or 2D" } else { "2D" };
            return fail(op, format!("multi_dot(): tensor {i} must be {expected} but got {}D", x.ndim()));
        }
        check_dtype(op, first, x)?;
    }
    let mut matrices = list.to_vec();
    if first.ndim() == 1 {
        matrices[0] = unsqueeze(first, 0)?;
    }
    if last.ndim() == 1 {
        matrices[n - 1] = unsqueeze(last, 1)?;
    }
    for pair in matrices.windows(2) {
        if pair[0].shape()[1] != pair[1].shape()[0] {
            let (a, b) = (pair[0].shape(), pair[1].shape());
            let shapes = format!("({}x{} and {}x{})", a[0], a[1], b[0], b[1]);
            return fail(op, format!("multi_dot(): tensors with shapes that cannot be multiplied {shapes}"));
        }
    }
    let product = chain(&matrices)?;
    let mut shape = Shape::new();
    shape.extend((first.ndim() == 2).then(|| product.shape()[0]));
    shape.extend((last.ndim() == 2).then(|| product.shape()[1]));
    product.reshape(&shape)
}

/// The same for matrices alone; one of them is its own product.
pub fn chain_matmul(list: &[Tensor]) -> Result<Tensor> {
    for x in list {
        needs_ndim("chain_matmul", "each tensor", x, 2)?;
    }
    match list {
        [] => fail("chain_matmul", "Expected one or more matrices".into()),
        [one] => Ok(one.clone()),
        _ => multi_dot(list),
    }
}

/// Matrices whose neighbours fit, in the cheapest order, found by dynamic programming over all ways to set brackets.
fn chain(list: &[Tensor]) -> Result<Tensor> {
    let n = list.len();
    let size = |i: usize| if i < n { list[i].shape()[0] } else { list[n - 1].shape()[1] };
    // Cost of the product of i..=j, and where its last multiplication is.
    let mut best = vec![vec![(0f64, 0); n]; n];
    for len in 1..n {
        for i in 0..n - len {
            let j = i + len;
            let cost = |cut: usize| {
                let own = size(i) as f64 * size(cut + 1) as f64 * size(j + 1) as f64;
                best[i][cut].0 + best[cut + 1][j].0 + own
            };
            let cuts = (i..j).map(|cut| (cost(cut), cut));
            best[i][j] = cuts.fold((f64::INFINITY, i), |a, b| if b.0 < a.0 { b } else { a });
        }
    }
    fn product(list: &[Tensor], best: &[Vec<(f64, usize)>], i: usize, j: usize) -> Result<Tensor> {
        if i == j {
            return Ok(list[i].clone());
        }
        let cut = best[i][j].1;
        product(list, best, i, cut)?.matmul(&product(list, best, cut + 1, j)?)
    }
    product(list, &best, 0, n - 1)
}

/// `Σ conj(x)·y` along a dimension.
pub fn vecdot(x: &Tensor, y: &Tensor, dim: i64) -> Result<Tensor> {
    let op = "linalg.vecdot";
    if x.dtype() != y.dtype() {
        let (x, y) = (x.dtype().scalar_name(), y.dtype().scalar_name());
        let text = "Expected x and y to have the same dtype, but found x of type";
        return fail(op, format!("{text} {x} and y of type {y} instead"));
    }
    if !x.dtype().is_differentiable() {
        let text = "Expected a floating point or complex tensor as input. Got";
        return fail(op, format!("{text} {}", x.dtype().scalar_name()));
    }
    let shape = crate::layout::broadcast(op, x.shape(), y.shape())?;
    let dim = crate::layout::wrap_dim(op, dim, shape.len())?;
    let row =
        |x: &Tensor| -> Result<Tensor> { unsqueeze(&shape::movedim(&x.expand(&shape)?, &[dim as i64], &[-1])?, -2) };
    let product = row(&x.conj()?)?.matmul(&row(y)?.t()?)?;
    let rest = product.shape()[..product.ndim() - 2].to_vec();
    product.reshape(&rest)
}
