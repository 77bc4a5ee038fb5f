//! The run time under the generated bindings: memory for what the host hands in, and for what
//! is handed to it. Component model, "Canonical ABI": `realloc`.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};

/// Memory that lives as long as one host call needs it.
pub(crate) struct Cleanup {
    address: *mut u8,
    layout: Layout,
}

impl Cleanup {
    /// Memory of the layout; none for an empty one.
    pub(crate) fn new(layout: Layout) -> (*mut u8, Option<Self>) {
        if layout.size() == 0 {
            return (std::ptr::null_mut(), None);
        }
        // SAFETY: the layout is not empty.
        let address = unsafe { alloc(layout) };
        if address.is_null() {
            handle_alloc_error(layout);
        }
        (address, Some(Self { address, layout }))
    }

    /// Leaves the memory to whom it was handed.
    pub(crate) fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        // SAFETY: `new` got this address for this layout, and nobody else frees it.
        unsafe { dealloc(self.address, self.layout) }
    }
}

/// Keeps the exports of this module in what is linked.
pub(crate) fn maybe_link_cabi_realloc() {
    #[cfg(target_arch = "wasm32")]
    {
        #[used]
        static KEPT: unsafe extern "C" fn(*mut u8, usize, usize, usize) -> *mut u8 =
            exported::cabi_realloc;
    }
}

/// Runs the constructors of linked C code, the first time it is called: a reactor has no start.
#[cfg(target_arch = "wasm32")]
pub(crate) fn run_ctors_once() {
    use std::sync::atomic::{AtomicBool, Ordering};

    static RAN: AtomicBool = AtomicBool::new(false);
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    if !RAN.swap(true, Ordering::Relaxed) {
        // SAFETY: the linker makes this function; it is called once.
        unsafe { __wasm_call_ctors() }
    }
}

#[cfg(target_arch = "wasm32")]
mod exported {
    use std::alloc::{Layout, alloc, realloc};

    /// What the host calls for memory in which it puts strings and lists.
    #[unsafe(no_mangle)]
    pub(super) unsafe extern "C" fn cabi_realloc(
        old: *mut u8,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> *mut u8 {
        // SAFETY: the host keeps the canonical ABI: alignments are powers of two, sizes are below
        // 4 GiB, and what it hands back is what it was given.
        let address = unsafe {
            match (old_size, new_size) {
                (0, 0) => return std::ptr::without_provenance_mut(align),
                (0, _) => alloc(Layout::from_size_align_unchecked(new_size, align)),
                _ => realloc(
                    old,
                    Layout::from_size_align_unchecked(old_size, align),
                    new_size,
                ),
            }
        };
        if address.is_null() {
            std::arch::wasm32::unreachable();
        }
        address
    }
}
