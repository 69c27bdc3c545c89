//! Attention.

use crate::call::table;
use rushlight::Tensor;
use rushlight::ops::attention::{AttentionOptions, scaled_dot_product_attention};

table! {
    /// `softmax(scale * query @ key.T + attn_mask) @ value`, without a matrix of weights in memory. A mask of bool says what is
    /// seen, one of floats is added; a query that sees nothing gets zeros.
    nn:
        "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor"
            => |q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, dropout: f64, causal: bool, scale: Option<f64>, grouped: bool|
                scaled_dot_product_attention(q, k, v, mask, AttentionOptions { dropout, causal, scale, grouped });
}
