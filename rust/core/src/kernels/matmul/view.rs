//! A matrix as the kernels for AMX and bf16 see it.

/// `rows × cols` elements, (i, j) at `ptr + i·rs + j·cs`.
#[derive(Clone, Copy)]
pub struct View<T> {
    pub ptr: *const T,
    pub rows: usize,
    pub cols: usize,
    pub rs: isize,
    pub cs: isize,
}

impl<T> View<T> {
    pub fn t(self) -> Self {
        View { rows: self.cols, cols: self.rows, rs: self.cs, cs: self.rs, ..self }
    }

    /// `rows` rows from `i` and `cols` columns from `j`, which must lie inside.
    pub fn block(self, i: usize, j: usize, rows: usize, cols: usize) -> Self {
        debug_assert!(i + rows <= self.rows && j + cols <= self.cols);
        let ptr = self.ptr.wrapping_offset(i as isize * self.rs + j as isize * self.cs);
        View { ptr, rows, cols, ..self }
    }
}

/// Rows of dense elements that are written, `ld` apart.
#[derive(Clone, Copy)]
pub struct Out<T> {
    pub ptr: *mut T,
    pub ld: isize,
}

impl<T> Out<T> {
    pub fn at(self, i: usize, j: usize) -> Self {
        Out { ptr: self.ptr.wrapping_offset(i as isize * self.ld + j as isize), ..self }
    }
}
