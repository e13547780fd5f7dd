//! `health.business.query`: a question to a database.

use std::sync::Arc;

use crate::config::BusinessAsk;
use crate::config::check::{matches, secret};
use crate::config::read::Fields;
use crate::config::shape::{Kind, Shape, key};
use crate::model::{PostgresAsk, RedisAsk};

pub(super) static SHAPE: Shape = Shape {
    name: "query",
    about: "A question to a database: either `postgres` or `redis`.",
    keys: &[
        key("postgres", Kind::Text(STATEMENT), "A statement for PostgreSQL."),
        key("redis", Kind::Text(COMMAND), "A command for Redis."),
        key("user", Kind::Text(USER), "Who asks; needed by `postgres`."),
        key("password", Kind::Shape(&SECRET), "The user's password."),
        key("database", Kind::Text(DATABASE), "`postgres`: default as the user."),
        key("expect", Kind::Text(EXPECT), "The first value; default any that is no error."),
    ],
    later: &["mysql", "tls"],
};

/// A secret as a mapping.
pub(super) static SECRET: Shape = Shape {
    name: "secret",
    about: "Where a secret is kept; exactly one key.",
    keys: &[
        key("file", Kind::Text("a path"), "A file that holds nothing else."),
        key("env", Kind::Text("a variable's name"), "An environment variable."),
    ],
    later: &[],
};

const STATEMENT: &str = "a statement such as SELECT 1";
const COMMAND: &str = "a command such as PING";
const USER: &str = "a user's name";
const DATABASE: &str = "a database's name";
const EXPECT: &str = "the value the answer must have";

/// Reads the query.
pub(super) fn check(fields: &Fields<'_>) -> Option<BusinessAsk> {
    let text = |name: &str| fields.text(name).map(|(_, text)| Arc::<str>::from(text));
    let user = text("user");
    let expect = text("expect");
    let password = fields.get("password").map(|cursor| secret::at(&cursor, &SECRET));
    let (password, source) = match password {
        Some(read) => read.map(|(secret, source)| (Some(secret), Some(source)))?,
        None => (None, None),
    };
    if let (true, Some(cursor)) = (fields.has("redis"), fields.get("database")) {
        cursor.problem("`database` belongs to `postgres` (remove it)");
    }
    if fields.has("postgres") && !fields.has("user") {
        fields.cursor().problem(format!("`user` is missing (expected {USER})"));
    }
    let postgres = fields.text("postgres").map(|(_, statement)| {
        let user = user.clone()?;
        let database = text("database").unwrap_or_else(|| Arc::clone(&user));
        let (password, expect) = (password.clone(), expect.clone());
        let statement = Arc::from(statement);
        let ask = PostgresAsk { statement, user, database, password, expect };
        Some(BusinessAsk::Postgres { ask, password: source.clone() })
    });
    let redis = fields.text("redis").map(|(_, command)| {
        let command = command.split_ascii_whitespace().map(Arc::from).collect();
        let (password, user, expect) = (password.clone(), user.clone(), expect.clone());
        Some(BusinessAsk::Redis {
            ask: RedisAsk { command, user, password, expect },
            password: source.clone(),
        })
    });
    matches::one_of(fields, [postgres, redis], "`postgres` or `redis`")
}
