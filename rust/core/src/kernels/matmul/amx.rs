//! f32 product on AMX tiles: bf16 parts of both operands, six products.

use super::piece::Piece;
use super::scratch::Scratch;
use super::split::{Range, pack_panel};
use super::view::{Out, View};
use super::x86::bits as mask;
use std::arch::asm;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Lines of a panel: two tiles. With 2 x 2 accumulators every loaded tile is
/// used twice, and four tiles are left for the operands.
const PANEL: usize = 32;
/// Bytes of a packed panel per step of 32 k: 2 units of 3 parts.
const STEP: usize = 6 << 10;
/// 128 k of one A panel are 24 KiB, half of L1: room to stay there while the panels
/// of B stream past from L2. 64, 96, 160, 192, 256 and 384 measured slower.
const KC: usize = 128;
/// A packed B block of KC x NC is 768 KiB, in a 2 MiB L2.
pub const NC: usize = 1024;

/// Keeps the tiles configured on this thread; dropping it gives the tile state
/// back, so that context switches need not save 8 KiB.
pub struct Tiles(());

impl Tiles {
    /// All tiles 16 rows x 64 bytes. About 50 ns with the release.
    /// SAFETY: `extras().amx`.
    pub unsafe fn new() -> Self {
        #[repr(align(64))]
        struct Config(#[allow(dead_code, reason = "read by ldtilecfg")] [u8; 64]);
        static CONFIG: Config = Config({
            let mut c = [0; 64];
            c[0] = 1; // palette
            let mut i = 0;
            while i < 8 {
                c[16 + 2 * i] = 64; // bytes per row
                c[48 + i] = 16; // rows
                i += 1;
            }
            c
        });
        // SAFETY: reads 64 bytes of a static; AMX is there, by the caller.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &CONFIG, options(nostack, readonly)) };
        Tiles(())
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: AMX is there, or `new` could not have been called.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

macro_rules! clobbered {
    ($($code:literal),+ ; $($rest:tt)*) => {
        asm!($($code),+, $($rest)*
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack))
    };
}

/// `c[0..32, 0..32] = A B` over `steps` steps of 32 k. One asm block, so that
/// tile contents never have to survive between two. Products run from small to
/// large; each step of the walk over (part of A, part of B) changes one operand
/// only, which makes 14 tile loads for 24 products.
/// SAFETY: tiles are configured; both panels hold `steps` steps of two units;
/// `c` is writable at 32 x 32.
#[inline(never)]
unsafe fn kernel22(steps: usize, a: *const u8, b: *const u8, c: Out<f32>) {
    // SAFETY: reads the panels and writes C, by the caller.
    unsafe {
        clobbered!(
            "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
            "2:",
            // (0, 2)
            "tileloadd tmm4, [{a} + {s}*1]",
            "tileloadd tmm6, [{b} + {s}*1 + 0x800]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{b} + {s}*1 + 0x1400]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{a} + {s}*1 + 0xc00]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            // (0, 1)
            "tileloadd tmm6, [{b} + {s}*1 + 0x400]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{b} + {s}*1 + 0x1000]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            // (1, 1)
            "tileloadd tmm4, [{a} + {s}*1 + 0x400]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{a} + {s}*1 + 0x1000]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            // (1, 0)
            "tileloadd tmm6, [{b} + {s}*1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{b} + {s}*1 + 0xc00]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            // (2, 0)
            "tileloadd tmm4, [{a} + {s}*1 + 0x800]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{a} + {s}*1 + 0x1400]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            // (0, 0)
            "tileloadd tmm4, [{a} + {s}*1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{a} + {s}*1 + 0xc00]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {a}, 0x1800",
            "add {b}, 0x1800",
            "dec {n}",
            "jnz 2b",
            "tilestored [{c} + {ld}*1], tmm0",
            "tilestored [{c} + {ld}*1 + 64], tmm1",
            "tilestored [{d} + {ld}*1], tmm2",
            "tilestored [{d} + {ld}*1 + 64], tmm3";
            a = inout(reg) a => _, b = inout(reg) b => _, n = inout(reg) steps => _,
            c = in(reg) c.ptr, d = in(reg) c.ptr.wrapping_offset(16 * c.ld),
            ld = in(reg) 4 * c.ld, s = in(reg) 64usize,
        );
    }
}

/// As `kernel22` for one tile of rows and one of columns; `sa` and `sb` are the
/// bytes of a step in either panel (3 or 6 KiB).
/// SAFETY: as `kernel22`, `c` writable at 16 x 16.
unsafe fn kernel11(steps: usize, (a, sa): (*const u8, usize), (b, sb): (*const u8, usize), c: Out<f32>) {
    // SAFETY: as `kernel22`.
    unsafe {
        clobbered!(
            "tilezero tmm0",
            "2:",
            "tileloadd tmm2, [{a} + {s}*1]",
            "tileloadd tmm3, [{a} + {s}*1 + 0x400]",
            "tileloadd tmm4, [{a} + {s}*1 + 0x800]",
            "tileloadd tmm5, [{b} + {s}*1]",
            "tileloadd tmm6, [{b} + {s}*1 + 0x400]",
            "tileloadd tmm7, [{b} + {s}*1 + 0x800]",
            "tdpbf16ps tmm0, tmm2, tmm7",
            "tdpbf16ps tmm0, tmm2, tmm6",
            "tdpbf16ps tmm0, tmm3, tmm6",
            "tdpbf16ps tmm0, tmm3, tmm5",
            "tdpbf16ps tmm0, tmm4, tmm5",
            "tdpbf16ps tmm0, tmm2, tmm5",
            "add {a}, {sa}",
            "add {b}, {sb}",
            "dec {n}",
            "jnz 2b",
            "tilestored [{c} + {ld}*1], tmm0";
            a = inout(reg) a => _, b = inout(reg) b => _, n = inout(reg) steps => _,
            sa = in(reg) sa, sb = in(reg) sb, c = in(reg) c.ptr, ld = in(reg) 4 * c.ld,
            s = in(reg) 64usize,
        );
    }
}

#[repr(align(64))]
struct Edge(#[allow(dead_code, reason = "used through a pointer")] [f32; PANEL * PANEL]);

/// One panel of A times one panel of B into `m x n` of C, both at most 32. Every
/// element sees the same sequence of operations whatever the shape of its tile.
/// Sums start from zero for every block of KC and are added to C by the vector
/// units: one running sum in the tiles, at six products a step, loses accuracy for
/// long k, and loading C into tiles instead is no faster.
/// SAFETY: tiles are configured; panels as for `kernel22`; `c` writable at m x n.
#[target_feature(enable = "avx512f")]
unsafe fn micro(m: usize, n: usize, k: usize, a: *const u8, b: *const u8, c: Out<f32>, add: bool) {
    let steps = k.div_ceil(32);
    let mut edge = MaybeUninit::<Edge>::uninit();
    let whole = |n: usize| n == PANEL || n == PANEL / 2;
    let inside = whole(m) && whole(n) && !add;
    let to = if inside { c } else { Out { ptr: edge.as_mut_ptr().cast(), ld: PANEL as isize } };
    // SAFETY: `to` is C where the tiles fit and a 32 x 32 block beside it where
    // they would stick out or must be added; only the inside of that is copied.
    unsafe {
        if m > 16 && n > 16 {
            kernel22(steps, a, b, to);
        } else {
            let (sa, sb) = (STEP >> usize::from(m <= 16), STEP >> usize::from(n <= 16));
            for i in (0..m).step_by(16) {
                for j in (0..n).step_by(16) {
                    let (a, b) = (a.add(i / 16 * (STEP / 2)), b.add(j / 16 * (STEP / 2)));
                    kernel11(steps, (a, sa), (b, sb), to.at(i, j));
                }
            }
        }
        if !inside {
            for i in 0..m {
                for j in (0..n).step_by(16) {
                    let (p, mask) = (c.at(i, j).ptr, mask(n - j));
                    let sum = _mm512_load_ps(to.at(i, j).ptr);
                    let old = if add { _mm512_maskz_loadu_ps(mask, p) } else { _mm512_setzero_ps() };
                    _mm512_mask_storeu_ps(p, mask, _mm512_add_ps(old, sum));
                }
            }
        }
    }
}

/// Product of any rows with a strip of at most NC columns. `unfit(i, j)` is told
/// of the 32 x 32 tiles, by their first row and column, that AMX cannot represent;
/// what C holds there is of no use.
/// SAFETY: `extras().amx`; C has m x n writable elements.
pub unsafe fn strip(piece: &Piece<f32>, mut unfit: impl FnMut(usize, usize)) {
    let [m, k, n] = piece.size;
    let a = View { ptr: piece.a, rows: m, cols: k, rs: piece.a_steps[0], cs: piece.a_steps[1] };
    let b = View { ptr: piece.b, rows: k, cols: n, rs: piece.b_steps[0], cs: piece.b_steps[1] };
    let c = Out { ptr: piece.c, ld: piece.c_row };
    debug_assert!(n <= NC);
    let panel = KC.min(k).div_ceil(32) * STEP;
    let scratch = Scratch::take(panel * (n.div_ceil(PANEL) + 1));
    let buffer = scratch.ptr();
    {
        let (pa, pb) = (buffer, buffer.wrapping_add(panel));
        let mut ranges = [Range::ZERO; NC / PANEL];
        // SAFETY: the buffer holds one panel of A and the strip's panels of B;
        // blocks and tiles are cut inside the views and C.
        unsafe {
            let _tiles = Tiles::new();
            for pc in (0..k).step_by(KC) {
                let kc = KC.min(k - pc);
                for (j, range) in ranges.iter_mut().enumerate().take(n.div_ceil(PANEL)) {
                    let w = PANEL.min(n - j * PANEL);
                    let lines = b.block(pc, j * PANEL, kc, w).t();
                    *range = pack_panel::<true>(lines, pb.add(j * panel));
                }
                for i in (0..m).step_by(PANEL) {
                    let h = PANEL.min(m - i);
                    let range = pack_panel::<false>(a.block(i, pc, h, kc), pa);
                    for (j, &other) in ranges.iter().enumerate().take(n.div_ceil(PANEL)) {
                        let (to, j) = (j * panel, j * PANEL);
                        if Range::suits(range, other, k) {
                            micro(h, PANEL.min(n - j), kc, pa, pb.add(to), c.at(i, j), pc > 0);
                        } else {
                            unfit(i, j);
                        }
                    }
                }
            }
        }
    }
}
