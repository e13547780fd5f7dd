//! Questions to databases.

use std::sync::Arc;

use super::Secret;

/// A query of a PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PostgresAsk {
    /// The statement.
    pub statement: Arc<str>,
    /// Who asks.
    pub user: Arc<str>,
    /// The database.
    pub database: Arc<str>,
    /// The password, where one is needed.
    pub password: Option<Secret>,
    /// The first value of the first row; `None` = any result passes.
    pub expect: Option<Arc<str>>,
}

/// A command to a Redis server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedisAsk {
    /// The command's words; at least one.
    pub command: Vec<Arc<str>>,
    /// Who asks; `None` = the default user.
    pub user: Option<Arc<str>>,
    /// The password, where one is needed.
    pub password: Option<Secret>,
    /// The reply; `None` = any that is not an error passes.
    pub expect: Option<Arc<str>>,
}
