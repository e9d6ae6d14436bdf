//! The wire and the log hold what was put into them, for ever; and no bytes from outside do worse than be refused.

mod golden;
mod hostile;
mod laws;
mod values;
