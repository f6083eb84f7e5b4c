//! What every comparison with peers needs: the report, and what the system says about a process.

pub mod process;
pub mod report;
