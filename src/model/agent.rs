//! What a backend's own agent says of it.

use std::sync::Arc;

/// One report of an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentReport {
    /// How the backend is.
    pub state: AgentState,
    /// The part of its weight it wants, 0..=1; `None` = it did not say.
    pub weight: Option<f64>,
    /// Why, in the agent's words: at most 200 characters, without control characters.
    pub reason: Arc<str>,
}

/// How a backend is by its agent's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgentState {
    /// Takes traffic.
    Up,
    /// Finishes what it has and wants nothing new.
    Drain,
    /// Out.
    Down,
}

impl AgentState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Up, Self::Drain, Self::Down];

    /// The closed set of names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Drain => "drain",
            Self::Down => "down",
        }
    }
}
