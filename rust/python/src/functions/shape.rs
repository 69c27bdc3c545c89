//! Other looks at the same memory, and the copies that go with them. The form `VF` publishes in `_rushlight._VF` what
//! `torch.functional` wraps, as PyTorch does in `torch._VF`.

use crate::call::table;
use crate::core::{Dims, Out};
use rushlight::ops::{complex, join, shape as s};
use rushlight::{DType, Error, Result, Scalar, Tensor};

fn positive(x: &Tensor) -> Result<Tensor> {
    match x.dtype() {
        DType::Bool => Err(Error::custom("positive", "The `+` operator, on a bool tensor is not supported.")),
        _ => Ok(x.clone()),
    }
}

/// A copy of what a view sees.
fn copied(view: Result<Tensor>) -> Result<Tensor> {
    view?.copy()
}

fn copies(views: Result<Vec<Tensor>>) -> Result<Vec<Tensor>> {
    views?.iter().map(Tensor::copy).collect()
}

/// A complex result takes no other dtype.
fn of_parts(value: Tensor, out: Out) -> Result<Tensor> {
    match out {
        Out::Into(target) if target.dtype() != value.dtype() => {
            let (expected, given) = (value.dtype().scalar_name(), target.dtype().scalar_name());
            let message = format!("Expected object of scalar type {expected} but got scalar type {given} for argument 'out'");
            Err(Error::custom("complex", message))
        }
        _ => Ok(value),
    }
}

fn start_of(start: &Tensor) -> Result<i64> {
    if start.ndim() != 0 || !start.dtype().is_int() {
        return Err(Error::custom("narrow", "start must be an 0-dim integral Tensor."));
    }
    Ok(start.item()?.to_i64())
}

fn sum_to_size(x: &Tensor, size: Dims) -> Result<Tensor> {
    let shape = s::sizes("sum_to_size", &size)?;
    let fits = rushlight::layout::broadcast("sum_to_size", x.shape(), &shape).is_ok_and(|both| both[..] == *x.shape());
    if !fits || shape.len() > x.ndim() {
        let message = format!("size {{{size:?}}} is not expandable to size {{{:?}}}.", x.shape());
        return Err(Error::custom("sum_to_size", message));
    }
    x.sum_to(&shape)
}

fn none<T>(given: Option<T>) -> Option<T> {
    given
}

fn padded(x: &Tensor, pad: Dims, margin: s::Margin, dims: usize) -> Result<Tensor> {
    s::margin_pad(x, &pad, margin, dims)
}


table! {
    /// The same memory in another shape, or as elements of another dtype.
    method:
        "view(Tensor(a) self, ScalarType dtype) -> Tensor(a)" => s::view_dtype,
        "view(Tensor(a) self, int[] size) -> Tensor(a)" => |x: &Tensor, size: Dims| s::view(x, &size);
    /// A view in the shape of `other`.
    method: "view_as(Tensor(a) self, Tensor other) -> Tensor(a)"
        => |x: &Tensor, other: &Tensor| s::view(x, &other.shape().iter().map(|&n| n as i64).collect::<Dims>());

    /// The same elements in another shape; a view if the memory allows it, else a copy.
    fn method: "reshape(Tensor(a) self, int[] shape) -> Tensor(a)" => |x: &Tensor, size: Dims| s::reshape(x, &size);
    /// The tensor in the shape of `other`, as a view if its strides allow one.
    method: "reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)"
        => |x: &Tensor, other: &Tensor| s::reshape(x, &other.shape().iter().map(|&n| n as i64).collect::<Dims>());

    /// Dimensions `start_dim` to `end_dim` as one.
    fn method: "flatten(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)" => s::flatten;
    /// One dimension as several.
    fn method: "unflatten(Tensor(a) self, int dim, int[] sizes) -> Tensor(a)"
        => |x: &Tensor, dim: i64, sizes: Dims| s::unflatten(x, dim, &sizes);
    /// All elements in one dimension.
    fn method: "ravel(Tensor(a) self) -> Tensor(a)" => s::ravel;

    /// Without dimensions of size 1: all of them, or those of `dim` that are.
    fn method exchange:
        "squeeze(Tensor(a) self) -> Tensor(a)" => |x: &Tensor| s::squeeze(x, None),
        "squeeze(Tensor(a) self, int dim) -> Tensor(a)" => |x: &Tensor, dim: i64| s::squeeze(x, Some(&[dim])),
        "squeeze(Tensor(a) self, int[] dim) -> Tensor(a)" => |x: &Tensor, dims: Dims| s::squeeze(x, Some(&dims));
    /// With a new dimension of size 1 at `dim`.
    fn method exchange: "unsqueeze(Tensor(a) self, int dim) -> Tensor(a)" => s::unsqueeze;

    /// With two dimensions exchanged.
    fn method exchange: "transpose(Tensor(a) self, int dim0, int dim1) -> Tensor(a)" => s::transpose;
    /// A matrix with rows and columns exchanged; a vector is its own.
    fn method exchange: "t(Tensor(a) self) -> Tensor(a)" => s::t;
    /// Matrices transposed and conjugated.
    fn method: "adjoint(Tensor(a) self) -> Tensor(a)" => s::adjoint;
    /// The dimensions in another order.
    fn method: "permute(Tensor(a) self, int[] dims) -> Tensor(a)" => |x: &Tensor, dims: Dims| s::permute(x, &dims);
    /// Dimensions moved to other places, the rest in their old order.
    fn method:
        "movedim(Tensor(a) self, int source, int destination) -> Tensor(a)"
            => |x: &Tensor, from: i64, to: i64| s::movedim(x, &[from], &[to]),
        "movedim(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)"
            => |x: &Tensor, from: Dims, to: Dims| s::movedim(x, &from, &to);

    /// Dimensions of size 1 repeated without a copy; -1 keeps a size.
    method: "expand(Tensor(a) self, int[] size, *, bool implicit=False) -> Tensor(a)"
        => |x: &Tensor, size: Dims, _: bool| s::expand(x, &size);
    /// A view broadcast to the shape of `other`.
    method: "expand_as(Tensor(a) self, Tensor other) -> Tensor(a)"
        => |x: &Tensor, other: &Tensor| s::expand(x, &other.shape().iter().map(|&n| n as i64).collect::<Dims>());
    /// A view broadcast to a shape.
    fn method: "broadcast_to(Tensor(a) self, int[] size) -> Tensor(a)" => |x: &Tensor, size: Dims| s::expand(x, &size);
    /// Summed over the dimensions along which `size` broadcasts to the shape.
    method: "sum_to_size(Tensor self, int[] size) -> Tensor" => sum_to_size;

    /// One element of a dimension, which goes away.
    fn method: "select(Tensor(a) self, int dim, int index) -> Tensor(a)" => s::select;
    /// `length` elements from `start` on.
    fn method:
        "narrow(Tensor(a) self, int dim, int start, int length) -> Tensor(a)" => s::narrow,
        "narrow(Tensor(a) self, int dim, Tensor start, int length) -> Tensor(a)"
            => |x: &Tensor, dim: i64, start: &Tensor, length: i64| s::narrow(x, dim, start_of(start)?, length);
    /// `narrow`, as a copy.
    fn method: "narrow_copy(Tensor self, int dim, int start, int length, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, dim: i64, start: i64, length: i64| copied(s::narrow(x, dim, start, length));
    /// The diagonal of matrices, as a view.
    fn method: "diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)" => s::diagonal;
    /// The diagonal of the matrices in the last two dimensions.
    linalg: "diagonal(Tensor(a) A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor(a)" => s::diagonal;
    /// All windows along a dimension; what is in a window is a new last dimension.
    method: "unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)" => s::unfold;
    /// Any window on the storage.
    fn method exchange: "as_strided(Tensor(a) self, int[] size, int[] stride, int? storage_offset=None) -> Tensor(a)"
        => |x: &Tensor, size: Dims, stride: Dims, offset: Option<i64>| s::as_strided(x, &size, &stride, none(offset));

    /// Pieces of a size, or of several sizes.
    method:
        "split(Tensor self, int split_size, int dim=0) -> Tensor(a)[]" => s::split,
        "split(Tensor self, int[] split_size, int dim=0) -> Tensor(a)[]"
            => |x: &Tensor, sizes: Dims, dim: i64| s::split_with_sizes(x, &sizes, dim);
    /// Parts of a size, or of these sizes, along `dim`, as views.
    VF:
        "split(Tensor self, int split_size, int dim=0) -> Tensor(a)[]" => s::split,
        "split(Tensor self, int[] split_size, int dim=0) -> Tensor(a)[]"
            => |x: &Tensor, sizes: Dims, dim: i64| s::split_with_sizes(x, &sizes, dim);
    /// Parts of these sizes along `dim`, as views.
    fn method: "split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor(a)[]"
        => |x: &Tensor, sizes: Dims, dim: i64| s::split_with_sizes(x, &sizes, dim);
    /// `split`, without the watch over parts that are changed in place.
    fn: "unsafe_split(Tensor self, int split_size, int dim=0) -> Tensor[]" => s::split;
    /// `split_with_sizes`, without the watch over parts that are changed in place.
    fn: "unsafe_split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]"
        => |x: &Tensor, sizes: Dims, dim: i64| s::split_with_sizes(x, &sizes, dim);
    /// `split`, without the watch over parts that are changed in place.
    method: "unsafe_split(Tensor self, int split_size, int dim=0) -> Tensor[]" => s::split;
    /// At most `chunks` pieces of one size; the last one may be smaller.
    fn method: "chunk(Tensor self, int chunks, int dim=0) -> Tensor(a)[]" => s::chunk;
    /// `chunk`, without the watch over parts that are changed in place.
    fn method: "unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]" => s::chunk;
    /// `sections` pieces whose sizes differ by one at most, or pieces between places.
    fn method:
        "tensor_split(Tensor self, int sections, int dim=0) -> Tensor(a)[]" => s::tensor_split,
        "tensor_split(Tensor self, int[] indices, int dim=0) -> Tensor(a)[]"
            => |x: &Tensor, places: Dims, dim: i64| s::tensor_split_at(x, &places, dim),
        "tensor_split(Tensor self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor(a)[]" => s::tensor_split_by;
    /// Parts along the columns: dimension 1, or 0 of a vector.
    fn method:
        "hsplit(Tensor self, int sections) -> Tensor(a)[]" => s::hsplit,
        "hsplit(Tensor self, int[] indices) -> Tensor(a)[]" => |x: &Tensor, at: Dims| s::hsplit_at(x, &at);
    /// Parts along the rows: dimension 0.
    fn method:
        "vsplit(Tensor self, int sections) -> Tensor(a)[]" => s::vsplit,
        "vsplit(Tensor self, int[] indices) -> Tensor(a)[]" => |x: &Tensor, at: Dims| s::vsplit_at(x, &at);
    /// Parts along the depth: dimension 2.
    fn method:
        "dsplit(Tensor self, int sections) -> Tensor(a)[]" => s::dsplit,
        "dsplit(Tensor self, int[] indices) -> Tensor(a)[]" => |x: &Tensor, at: Dims| s::dsplit_at(x, &at);
    /// One view for each element of a dimension.
    fn method: "unbind(Tensor self, int dim=0) -> Tensor(a)[]" => s::unbind;

    /// A copy of the tensor.
    fn: "alias_copy(Tensor self, *, Tensor? out=None) -> Tensor" => Tensor::copy;
    /// `view`, as a copy.
    fn:
        "view_copy(Tensor self, int[] size, *, Tensor? out=None) -> Tensor" => |x: &Tensor, size: Dims| copied(s::view(x, &size)),
        "view_copy(Tensor self, ScalarType dtype, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dtype: DType| copied(s::view_dtype(x, dtype));
    /// `as_strided`, as a copy.
    fn: "as_strided_copy(Tensor self, int[] size, int[] stride, int? storage_offset=None, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, size: Dims, stride: Dims, at: Option<i64>| copied(s::as_strided(x, &size, &stride, at));
    /// `diagonal`, as a copy.
    fn: "diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, offset: i64, a: i64, b: i64| copied(s::diagonal(x, offset, a, b));
    /// `expand`, as a copy.
    fn: "expand_copy(Tensor self, int[] size, *, bool implicit=False, Tensor? out=None) -> Tensor"
        => |x: &Tensor, size: Dims, _: bool| copied(s::expand(x, &size));
    /// `permute`, as a copy.
    fn: "permute_copy(Tensor self, int[] dims, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, dims: Dims| copied(s::permute(x, &dims));
    /// `select`, as a copy.
    fn: "select_copy(Tensor self, int dim, int index, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, dim: i64, index: i64| copied(s::select(x, dim, index));
    /// A slice along `dim`, as a copy.
    fn: "slice_copy(Tensor self, int dim=0, int? start=None, int? end=None, int step=1, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, dim: i64, from: Option<i64>, to: Option<i64>, step: i64| copied(s::slice(x, dim, from, to, step));
    /// `squeeze`, as a copy.
    fn:
        "squeeze_copy(Tensor self, *, Tensor? out=None) -> Tensor" => |x: &Tensor| copied(s::squeeze(x, None)),
        "squeeze_copy(Tensor self, int dim, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64| copied(s::squeeze(x, Some(&[dim]))),
        "squeeze_copy(Tensor self, int[] dim, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Dims| copied(s::squeeze(x, Some(&dims)));
    /// `unsqueeze`, as a copy.
    fn: "unsqueeze_copy(Tensor self, int dim, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, dim: i64| copied(s::unsqueeze(x, dim));
    /// `t`, as a copy.
    fn: "t_copy(Tensor self, *, Tensor? out=None) -> Tensor" => |x: &Tensor| copied(s::t(x));
    /// `transpose`, as a copy.
    fn: "transpose_copy(Tensor self, int dim0, int dim1, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, a: i64, b: i64| copied(s::transpose(x, a, b));
    /// `unfold`, as a copy.
    fn: "unfold_copy(Tensor self, int dimension, int size, int step, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, dim: i64, size: i64, step: i64| copied(s::unfold(x, dim, size, step));
    /// `split`, as copies.
    fn: "split_copy(Tensor self, int split_size, int dim=0, *, Tensor[]? out=None) -> Tensor[]"
        => |x: &Tensor, size: i64, dim: i64| copies(s::split(x, size, dim));
    /// `split_with_sizes`, as copies.
    fn: "split_with_sizes_copy(Tensor self, int[] split_sizes, int dim=0, *, Tensor[]? out=None) -> Tensor[]"
        => |x: &Tensor, sizes: Dims, dim: i64| copies(s::split_with_sizes(x, &sizes, dim));
    /// `unbind`, as copies.
    fn: "unbind_copy(Tensor self, int dim=0, *, Tensor[]? out=None) -> Tensor[]"
        => |x: &Tensor, dim: i64| copies(s::unbind(x, dim));

    /// A copy with the diagonal replaced.
    fn method: "diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor" => s::diagonal_scatter;
    /// A copy in which `select(dim, index)` is `src`.
    fn method: "select_scatter(Tensor self, Tensor src, int dim, int index) -> Tensor" => s::select_scatter;
    /// A copy in which the slice along `dim` is `src`.
    fn method: "slice_scatter(Tensor self, Tensor src, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor"
        => |x: &Tensor, src: &Tensor, dim: i64, from: Option<i64>, to: Option<i64>, step: i64|
            s::slice_scatter(x, src, dim, from, to, step);
    /// A copy in which `as_strided(size, stride, storage_offset)` is `src`.
    fn method: "as_strided_scatter(Tensor self, Tensor src, int[] size, int[] stride, int? storage_offset=None) -> Tensor"
        => |x: &Tensor, src: &Tensor, size: Dims, stride: Dims, at: Option<i64>| s::as_strided_scatter(x, src, &size, &stride, at);

    /// The tensor with one dimension at least.
    VF: "atleast_1d(Tensor self) -> Tensor" => |x: &Tensor| s::at_least(x, 1);
    /// The tensor with two dimensions at least.
    VF: "atleast_2d(Tensor self) -> Tensor" => |x: &Tensor| s::at_least(x, 2);
    /// The tensor with three dimensions at least.
    VF: "atleast_3d(Tensor self) -> Tensor" => |x: &Tensor| s::at_least(x, 3);
    /// Tensors broadcast to their common shape, as views.
    VF: "broadcast_tensors(Tensor[] tensors) -> Tensor[]" => |list: Vec<Tensor>| s::broadcast_tensors(&list);
    /// The coordinates of a grid: one tensor for each vector, of the shape of all.
    VF: "meshgrid(Tensor[] tensors, *, str indexing) -> Tensor[]" => |list: Vec<Tensor>, indexing: &str| join::meshgrid(&list, indexing);
    /// All tuples of one element of each vector, one a row.
    VF: "cartesian_prod(Tensor[] tensors) -> Tensor" => |list: Vec<Tensor>| join::cartesian_prod(&list);
    /// Matrices along a diagonal, zeros elsewhere.
    VF: "block_diag(Tensor[] tensors) -> Tensor" => |list: Vec<Tensor>| join::block_diag(&list);
    /// All choices of `r` elements of a vector, as rows.
    fn: "combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor" => join::combinations;

    /// Tensors one after another along a dimension that they have.
    fn: "cat(Tensor[] tensors, int dim=0, *, Tensor? out=None) -> Tensor" => |list: Vec<Tensor>, dim: i64, out: Out| join::cat_to(&list, dim, out);
    /// Tensors of one shape along a new dimension.
    fn: "stack(Tensor[] tensors, int dim=0, *, Tensor? out=None) -> Tensor" => |list: Vec<Tensor>, dim: i64, out: Out| join::stack_to(&list, dim, out);
    /// Tensors joined along the columns: dimension 1, or 0 of vectors.
    fn: "hstack(Tensor[] tensors, *, Tensor? out=None) -> Tensor" => |list: Vec<Tensor>| join::hstack(&list);
    /// Tensors joined along the rows: dimension 0 of what is at least 2-dim.
    fn: "vstack(Tensor[] tensors, *, Tensor? out=None) -> Tensor" => |list: Vec<Tensor>| join::vstack(&list);
    /// Tensors joined along the depth: dimension 2 of what is at least 3-dim.
    fn: "dstack(Tensor[] tensors, *, Tensor? out=None) -> Tensor" => |list: Vec<Tensor>| join::dstack(&list);
    /// Tensors joined along dimension 1; vectors become columns.
    fn: "column_stack(Tensor[] tensors, *, Tensor? out=None) -> Tensor" => |list: Vec<Tensor>| join::column_stack(&list);

    /// The whole tensor several times along each dimension.
    method: "repeat(Tensor self, int[] repeats) -> Tensor" => |x: &Tensor, repeats: Dims| s::repeat(x, &repeats);
    /// Copies side by side, so many in each dimension.
    fn method: "tile(Tensor self, int[] dims) -> Tensor" => |x: &Tensor, dims: Dims| s::tile(x, &dims);
    /// Each element several times in a row.
    fn method:
        "repeat_interleave(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor"
            => |x: &Tensor, n: i64, dim: Option<i64>, size: Option<i64>| s::repeat_interleave_int(x, n, dim, size),
        "repeat_interleave(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor"
            => |x: &Tensor, n: &Tensor, dim: Option<i64>, size: Option<i64>| s::repeat_interleave(x, n, dim, size),
        "repeat_interleave(Tensor repeats, *, int? output_size=None) -> Tensor"
            => |n: &Tensor, size: Option<i64>| s::repeat_indices(n, size);

    /// The elements the other way round along dimensions.
    fn method: "flip(Tensor self, int[] dims) -> Tensor" => |x: &Tensor, dims: Dims| s::flip(x, &dims);
    /// Dimension 1 the other way round.
    fn method: "fliplr(Tensor self) -> Tensor" => s::fliplr;
    /// Dimension 0 the other way round.
    fn method: "flipud(Tensor self) -> Tensor" => s::flipud;
    /// The elements moved along dimensions, around the end.
    fn method: "roll(Tensor self, int[1] shifts, int[1] dims=[]) -> Tensor"
        => |x: &Tensor, shifts: Dims, dims: Dims| s::roll(x, &shifts, &dims);
    /// Turned by quarters in a plane.
    fn method: "rot90(Tensor self, int k=1, int[] dims=[0,1]) -> Tensor" => |x: &Tensor, k: i64, dims: Dims| s::rot90(x, k, &dims);
    /// The lower triangle of matrices.
    fn method inplace: "tril(Tensor self, int diagonal=0, *, Tensor? out=None) -> Tensor" => s::tril;
    /// The upper triangle of matrices.
    fn method inplace: "triu(Tensor self, int diagonal=0, *, Tensor? out=None) -> Tensor" => s::triu;
    /// A vector as a diagonal matrix, or the diagonal of a matrix.
    fn method: "diag(Tensor self, int diagonal=0, *, Tensor? out=None) -> Tensor" => s::diag;
    /// Matrices with the last dimension on a diagonal.
    fn method: "diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor" => s::diag_embed;
    /// A matrix with all elements of `input` on a diagonal.
    fn method: "diagflat(Tensor self, int offset=0) -> Tensor" => s::diagflat;
    /// The sum of a matrix's diagonal.
    fn method: "trace(Tensor self) -> Tensor" => s::trace;

    /// […, C·r², H, W] to […, C, H·r, W·r]: channels laid out as finer pixels.
    fn: "pixel_shuffle(Tensor self, int upscale_factor) -> Tensor" => s::pixel_shuffle;
    /// […, C, H·r, W·r] to […, C·r², H, W]: the way back from `pixel_shuffle`.
    fn: "pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor" => s::pixel_unshuffle;
    /// Channels in `groups` groups, dealt out by turns.
    fn: "channel_shuffle(Tensor self, int groups) -> Tensor" => s::channel_shuffle;
    /// `channel_shuffle`.
    fn: "native_channel_shuffle(Tensor self, int groups) -> Tensor" => s::channel_shuffle;

    /// A margin of one value; `pad` names the last dimension first.
    fn: "constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor"
        => |x: &Tensor, pad: Dims, value: Scalar| s::constant_pad_nd(x, &pad, value);
    /// The last dimensions, from the last one on, made longer at both ends by pairs of sizes; `mode` says what fills them.
    nn: "pad(Tensor self, int[] pad, str mode=\"constant\", float? value=None) -> Tensor"
        => |x: &Tensor, pad: Dims, mode: &str, value: Option<f64>| s::pad(x, &pad, mode, value.map(Scalar::Float));
    /// The last dimension made longer by what lies inside, mirrored at the ends.
    nn: "reflection_pad1d(Tensor self, int[2] padding, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, pad: Dims| padded(x, pad, s::Margin::Reflect, 1);
    /// The last two dimensions made longer by what lies inside, mirrored at the ends.
    nn: "reflection_pad2d(Tensor self, int[4] padding, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, pad: Dims| padded(x, pad, s::Margin::Reflect, 2);
    /// The last three dimensions made longer by what lies inside, mirrored at the ends.
    nn: "reflection_pad3d(Tensor self, int[6] padding, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, pad: Dims| padded(x, pad, s::Margin::Reflect, 3);
    /// The last dimension made longer by repeating its ends.
    nn: "replication_pad1d(Tensor self, int[2] padding, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, pad: Dims| padded(x, pad, s::Margin::Replicate, 1);
    /// The last two dimensions made longer by repeating their ends.
    nn: "replication_pad2d(Tensor self, int[4] padding, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, pad: Dims| padded(x, pad, s::Margin::Replicate, 2);
    /// The last three dimensions made longer by repeating their ends.
    nn: "replication_pad3d(Tensor self, int[6] padding, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, pad: Dims| padded(x, pad, s::Margin::Replicate, 3);

    /// The cross product of vectors along a dimension of size 3.
    fn method: "cross(Tensor self, Tensor other, int? dim=None, *, Tensor? out=None) -> Tensor" => s::cross;
    /// The vector product along `dim`, of size 3.
    linalg: "cross(Tensor self, Tensor other, *, int dim=-1, Tensor? out=None) -> Tensor" => s::linalg_cross;
    /// Differences of neighbours, taken `n` times.
    fn method: "diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None, *, Tensor? out=None) -> Tensor" => s::diff;
    /// The covariance of variables (rows) over observations (columns).
    fn method: "cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor" => s::cov;
    /// The correlations of the rows with each other.
    fn method: "corrcoef(Tensor self) -> Tensor" => s::corrcoef;
    /// The powers of a vector's elements as columns.
    fn: "vander(Tensor x, int? N=None, bool increasing=False) -> Tensor" => |x: &Tensor, n: Option<i64>, increasing: bool| {
        if x.ndim() != 1 {
            return Err(Error::custom("vander", "x must be a one-dimensional tensor."));
        }
        s::vander(x, n, increasing)
    };
    /// Powers of the elements of x as columns, rising from 0.
    linalg: "vander(Tensor x, *, int? N=None) -> Tensor" => |x: &Tensor, n: Option<i64>| {
        if n.is_some_and(|n| n <= 1) {
            return Err(Error::custom("linalg.vander", format!("N must be greater than 1, got {n:?}")));
        }
        s::vander(x, n, true)
    };

    /// The tensor itself; no bools.
    fn method: "positive(Tensor(a) self) -> Tensor(a)" => positive;
    /// The complex conjugate; a real tensor is its own.
    fn method: "conj(Tensor(a) self) -> Tensor(a)" => Tensor::conj;
    /// The real parts, as a view; a real tensor is its own.
    fn: "real(Tensor(a) self) -> Tensor(a)" => Tensor::real;
    /// The imaginary parts, as a view.
    fn: "imag(Tensor(a) self) -> Tensor(a)" => Tensor::imag;
    /// Complex numbers as pairs of floats.
    fn: "view_as_real(Tensor(a) self) -> Tensor(a)" => Tensor::view_as_real;
    /// Pairs in the last dimension as complex numbers, as a view.
    fn: "view_as_complex(Tensor(a) self) -> Tensor(a)" => Tensor::view_as_complex;
    /// Complex numbers of these real and imaginary parts.
    fn: "complex(Tensor real, Tensor imag, *, Tensor? out=None) -> Tensor" => |re: &Tensor, im: &Tensor, out: Out| of_parts(complex::complex(re, im)?, out);
    /// Complex numbers of these absolute values and angles.
    fn: "polar(Tensor abs, Tensor angle, *, Tensor? out=None) -> Tensor" => |abs: &Tensor, angle: &Tensor, out: Out| of_parts(complex::polar(abs, angle)?, out);
}
