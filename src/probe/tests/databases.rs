//! PostgreSQL and Redis: servers that speak them badly, and the real ones where installed.

use super::installed::{Installed, PASSWORD, USER};
use super::*;
use crate::model::{PostgresAsk, RedisAsk, Secret};
use crate::probe::{postgres, redis};

fn select(statement: &str) -> PostgresAsk {
    PostgresAsk {
        statement: statement.into(),
        user: USER.into(),
        database: "postgres".into(),
        password: Some(Secret::new(PASSWORD.into())),
        expect: Some("1".into()),
    }
}

fn ping() -> RedisAsk {
    RedisAsk { command: vec!["PING".into()], user: None, password: None, expect: None }
}

/// What `probe` says of a server that sends this when it was sent something.
async fn answered_by<T>(
    bytes: &[u8],
    close: bool,
    probe: impl AsyncFnOnce(Target) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let (listener, address) = listener().await;
    let served = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_buf(&mut Vec::new()).await.unwrap();
        while stream.write_all(bytes).await.is_ok() && !close {}
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = probe(address.into()) => result,
        () = served => unreachable!("it waits for ever"),
    }
}

#[tokio::test]
async fn a_redis_reply_is_understood_or_told() {
    let replied = async |reply: &'static [u8]| {
        answered_by(reply, true, async |at| redis::probe(&at, &ping()).await).await
    };
    for good in [&b"+PONG\r\n"[..], b":1\r\n", b"$4\r\nPONG\r\n", b"$0\r\n\r\n"] {
        assert_eq!(replied(good).await, Ok(()), "{good:?}");
    }
    assert_eq!(
        replied(b"-LOADING Redis is loading\r\n").await,
        Err(Fault::seen(Failure::Rejected, "LOADING Redis is loading"))
    );
    for (bad, expected) in [
        (&b""[..], Failure::Truncated),
        (b"+PON", Failure::Truncated),
        (b"$4\r\nPO", Failure::Truncated),
        (b"$-1\r\n", Failure::Content),
        (b"$99999999\r\n", Failure::TooLarge),
        (b"$two\r\nPONG\r\n", Failure::Protocol),
        (b"$2\r\nPONG\r\n", Failure::Protocol),
        (b"*1\r\n+PONG\r\n", Failure::Protocol),
        (b"HTTP/1.1 400 Bad Request\r\n", Failure::Protocol),
    ] {
        assert_eq!(failure(replied(bad).await), expected, "{bad:?}");
    }
    let endless = answered_by(b"+more and ", false, async |at| redis::probe(&at, &ping()).await);
    assert_eq!(failure(endless.await), Failure::TooLarge);
}

#[tokio::test]
async fn what_is_no_postgres_is_told() {
    let asked = async |reply: &[u8], close: bool| {
        answered_by(reply, close, async |at| postgres::probe(&at, &select("SELECT 1")).await).await
    };
    assert_eq!(failure(asked(b"", true).await), Failure::Truncated);
    assert_eq!(failure(asked(b"HTTP/1.1 400 Bad Request\r\n\r\n", true).await), Failure::Protocol);
    // A message that claims to be of 2 GiB, and goes on and on.
    assert_eq!(failure(asked(b"D\x7f\xff\xff\xff", false).await), Failure::TooLarge);
}

/// Waits until a probe of what was started reports this.
async fn until<T>(
    probe: impl AsyncFn() -> Result<T, Fault>,
    such: impl Fn(&Result<T, Fault>) -> bool,
) where
    T: std::fmt::Debug,
{
    let patience = tokio::time::timeout(PATIENT, async {
        loop {
            let result = probe().await;
            if such(&result) {
                return;
            }
            tokio::time::sleep(BRIEF).await;
        }
    });
    patience.await.expect("the server comes up");
}

#[tokio::test]
async fn a_real_redis_is_asked() {
    let Some(server) = Installed::redis(&["--requirepass", PASSWORD]) else { return };
    let address = Address::Inet(server.address);
    let asked = async |ask: RedisAsk| redis::probe(&address.clone().into(), &ask).await;

    let known = RedisAsk { password: Some(Secret::new(PASSWORD.into())), ..ping() };
    until(|| asked(known.clone()), |result| *result == Ok(())).await;
    assert_eq!(asked(RedisAsk { user: Some("default".into()), ..known.clone() }).await, Ok(()));
    assert_eq!(asked(RedisAsk { expect: Some("PONG".into()), ..known.clone() }).await, Ok(()));
    let other = RedisAsk { expect: Some("OK".into()), ..known.clone() };
    assert_eq!(asked(other).await, Err(Fault::seen(Failure::Content, "the reply is \"PONG\"")));

    let unknown = asked(ping()).await;
    assert_eq!(unknown, Err(Fault::seen(Failure::Rejected, "NOAUTH Authentication required.")));
    let wrong = RedisAsk { password: Some(Secret::new("guess".into())), ..ping() };
    assert_eq!(failure(asked(wrong).await), Failure::Rejected);
}

#[tokio::test]
async fn a_real_postgres_is_asked() {
    let Some(server) = Installed::postgres() else { return };
    let address = Address::Inet(server.address);
    let asked = async |ask: &PostgresAsk| postgres::probe(&address.clone().into(), ask).await;

    until(|| async { asked(&select("SELECT 1")).await }, |result| *result == Ok(())).await;
    assert_eq!(asked(&PostgresAsk { expect: None, ..select("SELECT 2") }).await, Ok(()));
    let content = |detail: &str| Err(Fault::seen(Failure::Content, detail));
    assert_eq!(asked(&select("SELECT 2")).await, content("the value is \"2\""));
    assert_eq!(asked(&select("SELECT NULL")).await, content("the value is null"));
    assert_eq!(asked(&select("SELECT 1 WHERE false")).await, content("there is no row"));
    assert_eq!(
        asked(&select("SELECT * FROM nowhere")).await,
        Err(Fault::seen(Failure::Rejected, "relation \"nowhere\" does not exist"))
    );
    let wrong = PostgresAsk { password: Some(Secret::new("guess".into())), ..select("SELECT 1") };
    let told = "password authentication failed for user \"check\"";
    assert_eq!(asked(&wrong).await, Err(Fault::seen(Failure::Rejected, told)));
    let vast = select("SELECT repeat('x', 1000000) FROM generate_series(1, 100)");
    assert_eq!(failure(asked(&vast).await), Failure::TooLarge);
}
