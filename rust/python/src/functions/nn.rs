//! What networks are made of. The form `nn` publishes in `_rushlight._nn`, as PyTorch does in `torch._C._nn`.

use crate::call::table;

table! {}
