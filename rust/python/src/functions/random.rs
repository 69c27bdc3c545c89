//! Random numbers.

use crate::call::table;

table! {}
