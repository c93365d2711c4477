//! What a process holds of the system.

/// What a process holds at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Open descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
    /// Memory that is not elsewhere, in KiB.
    pub resident_kib: u64,
}

impl Holding {
    /// What the process holds now.
    #[cfg(target_os = "linux")]
    pub(super) fn of(process: u32) -> Result<Self, String> {
        let folder = format!("/proc/{process}/fd");
        let descriptors = std::fs::read_dir(&folder).map_err(|error| format!("{folder}: {error}"))?;
        Ok(Self {
            descriptors: descriptors.count(),
            threads: crate::process::threads(process)?,
            resident_kib: crate::process::memory_kib(process, "VmRSS")?,
        })
    }

    /// Elsewhere nobody can be asked, and all is nothing: no leak is found there.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn of(_process: u32) -> Result<Self, String> {
        Ok(Self { descriptors: 0, threads: 0, resident_kib: 0 })
    }

    /// Whether this is what `before` was, but for memory.
    pub(super) fn is_back_to(&self, before: &Self) -> bool {
        self.descriptors == before.descriptors && self.threads == before.threads
    }
}
