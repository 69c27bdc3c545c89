//! What this machine has beyond its level, found once.

use std::sync::LazyLock;

#[derive(Clone, Copy, Debug)]
pub struct Extras {
    /// Products of bf16 pairs in AVX-512.
    pub bf16: bool,
    /// AMX tiles of bf16, and the system lets this process use them.
    pub amx: bool,
}

/// `RUSHLIGHT_ISA=avx512` leaves out AMX, lower caps both.
pub fn extras() -> Extras {
    static EXTRAS: LazyLock<Extras> = LazyLock::new(|| {
        if crate::kernels::isa::level() != crate::kernels::isa::Level::Avx512 {
            return Extras { bf16: false, amx: false };
        }
        let capped = std::env::var("RUSHLIGHT_ISA").is_ok_and(|cap| cap == "avx512");
        Extras { bf16: is_x86_feature_detected!("avx512bf16"), amx: !capped && amx_cpuid() && amx_permission() }
    });
    *EXTRAS
}

/// CPUID leaf 7: EDX bit 22 AMX-BF16, bit 24 AMX-TILE; palette 1 must describe the 8 tiles of 16 rows of 64 bytes that
/// the kernels assume.
fn amx_cpuid() -> bool {
    use std::arch::x86_64::__cpuid_count;
    if __cpuid_count(0, 0).eax < 0x1d {
        return false;
    }
    let (features, palette) = (__cpuid_count(7, 0).edx, __cpuid_count(0x1d, 1));
    features >> 22 & features >> 24 & 1 == 1
        && palette.ebx >> 16 == 8
        && palette.ebx & 0xffff == 64
        && palette.ecx & 0xffff == 16
}

/// Linux hands out the 8 KiB of tile state only on request. The grant is for the process: threads that exist already and
/// those to come all have it. The request fails where a thread has an alternate signal stack too small for the larger
/// frame; then AMX is simply not used.
#[cfg(target_os = "linux")]
fn amx_permission() -> bool {
    const SYS_ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XFEATURE_XTILEDATA: i64 = 18;
    let rc: i64;
    // SAFETY: a plain system call with two integer arguments; it writes no user memory and clobbers rcx and r11 as every
    // system call does.
    unsafe {
        std::arch::asm!("syscall", inlateout("rax") SYS_ARCH_PRCTL => rc,
            in("rdi") ARCH_REQ_XCOMP_PERM, in("rsi") XFEATURE_XTILEDATA,
            out("rcx") _, out("r11") _, options(nostack));
    }
    rc == 0
}

#[cfg(not(target_os = "linux"))]
fn amx_permission() -> bool {
    false
}
