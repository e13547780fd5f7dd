//! What answers must be like, and transactions that carry values on.

use std::sync::Mutex;

use regex::bytes::Regex;

use super::*;
use crate::model::{
    BodyTest, HeaderTest, HttpMethod, Part, Pattern, Secret, Source, Template, Transaction,
    TransactionStep,
};
use crate::probe::transaction;

/// What one `GET` says of this answer, of which `expect` is expected.
async fn judged(response: &'static str, change: impl FnOnce(&mut Expect)) -> Result<(), Fault> {
    let (listener, address) = listener().await;
    let mut question = ask("/");
    change(&mut question.expect);
    let served = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.unwrap();
        }
        // The prober may have seen enough and be gone.
        let _ = stream.write_all(response.as_bytes()).await;
    };
    tokio::join!(http(&address, &question), served).0
}

fn pattern(text: &str) -> Pattern {
    Pattern(Regex::new(text).unwrap())
}

#[tokio::test]
async fn headers_must_be_as_expected() {
    let answer = "HTTP/1.1 200 OK\r\nX-Role: replica\r\nX-Role: primary\r\n\r\n";
    let header = async |name: &str, test: HeaderTest| {
        judged(answer, |expect| expect.headers = vec![(name.into(), test)]).await
    };
    assert_eq!(header("x-role", HeaderTest::Is("primary".into())).await, Ok(()));
    assert_eq!(header("x-role", HeaderTest::Matches(pattern("^prim"))).await, Ok(()));
    assert_eq!(header("x-role", HeaderTest::Present(true)).await, Ok(()));
    assert_eq!(header("x-broken", HeaderTest::Present(false)).await, Ok(()));
    assert_eq!(
        header("x-role", HeaderTest::Is("leader".into())).await,
        Err(Fault::seen(Failure::Content, "header x-role is \"replica\""))
    );
    assert_eq!(
        header("x-broken", HeaderTest::Present(true)).await,
        Err(Fault::seen(Failure::Content, "header x-broken is missing"))
    );
}

#[tokio::test]
async fn a_body_must_hold_what_is_expected() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\nall is well ok";
    let body = async |test: BodyTest| judged(answer, |expect| expect.body = Some(test)).await;
    assert_eq!(body(BodyTest::Contains("well".into())).await, Ok(()));
    assert_eq!(body(BodyTest::Matches(pattern("w.ll (ok|fine)$"))).await, Ok(()));
    assert_eq!(
        body(BodyTest::Contains("bad".into())).await,
        Err(Fault::seen(Failure::Content, "the body does not contain \"bad\""))
    );
    assert_eq!(failure(body(BodyTest::Matches(pattern("^is"))).await), Failure::Content);
}

#[tokio::test]
async fn values_of_a_json_body_are_compared_by_pointer() {
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\
                  { \"status\": \"ok\", \"checks\": [ { \"failed\": 0 } ], \"a/b\": true }";
    let json = async |pointer: &str, value: &str| {
        judged(answer, |expect| expect.json = vec![(pointer.into(), value.into())]).await
    };
    assert_eq!(json("/status", "\"ok\"").await, Ok(()));
    assert_eq!(json("/checks/0/failed", "0").await, Ok(()));
    assert_eq!(json("/a~1b", "true").await, Ok(()));
    let told = |detail: &str| Err(Fault::seen(Failure::Content, detail));
    assert_eq!(json("/status", "\"up\"").await, told("JSON /status is \"ok\", not \"up\""));
    assert_eq!(
        json("/checks/0/failed", "\"0\"").await,
        told("JSON /checks/0/failed is 0, not \"0\"")
    );
    assert_eq!(json("/nothing", "1").await, told("JSON /nothing is missing"));
    let deep = Box::leak(format!("HTTP/1.1 200 OK\r\n\r\n{}", "[".repeat(10_000)).into_boxed_str());
    let too_deep = judged(deep, |expect| expect.json = vec![("".into(), "1".into())]).await;
    assert_eq!(failure(too_deep), Failure::Content);
}

#[tokio::test]
async fn a_body_may_have_as_many_bytes_as_are_allowed() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde";
    assert_eq!(judged(answer, |expect| expect.body_bytes_max = 5).await, Ok(()));
    let more = judged(answer, |expect| expect.body_bytes_max = 4).await;
    assert_eq!(more, Err(Fault::seen(Failure::TooLarge, "body of more than 4 bytes")));
}

/// A shop of two pages: who logs in gets a token, which the account wants to see.
async fn shop(listener: TcpListener, seen: &Mutex<Vec<String>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        // A body ends with the password's end, where there is one.
        let whole = |request: &[u8]| {
            let get = request.starts_with(b"GET") && request.ends_with(b"\r\n\r\n");
            get || request.ends_with(b"pw=hunter2")
        };
        while !whole(&request) {
            stream.read_buf(&mut request).await.unwrap();
        }
        let request = String::from_utf8(request).unwrap();
        let answer = if request.starts_with("POST /login ") {
            "HTTP/1.1 200 OK\r\nx-id: a b\r\nconnection: close\r\n\r\n{ \"token\": \"t-1\", \"n\": 7 }"
        } else if request.contains("authorization: Bearer t-1\r\n") {
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nbalance: 12 EUR"
        } else {
            "HTTP/1.1 403 No\r\nconnection: close\r\n\r\n"
        };
        seen.lock().unwrap().push(request);
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

fn text(text: &str) -> Part {
    Part::Text(text.into())
}

fn value(name: &str) -> Part {
    Part::Value(name.into())
}

/// Logs in with a secret, then reads an account with what came back.
fn account(source: Source) -> Transaction {
    let mut login = ask("/login");
    login.request.method = HttpMethod::Post;
    login.request.body = Template(vec![text("pw="), value("password")]);
    let mut account = ask("/");
    account.request.path = Template(vec![text("/account/"), value("id"), text("?n="), value("n")]);
    account.request.headers =
        vec![("authorization".into(), Template(vec![text("Bearer "), value("token")]))];
    account.expect.body = Some(BodyTest::Matches(pattern("balance: [0-9]+")));
    let save = vec![
        ("token".into(), source),
        ("id".into(), Source::Header("x-id".into())),
        ("n".into(), Source::Json("/n".into())),
    ];
    Transaction {
        secrets: vec![("password".into(), Secret::new("hunter2".into()))],
        steps: vec![
            TransactionStep { ask: login, save },
            TransactionStep { ask: account, save: Vec::new() },
        ],
    }
}

async fn bought(transaction: &Transaction) -> (Result<(), Fault>, Vec<String>) {
    let (listener, address) = listener().await;
    let (seen, tls) = (Mutex::new(Vec::new()), Tls::new());
    let target = address.into();
    let result = tokio::select! {
        result = transaction::probe(&tls, &target, transaction) => result,
        () = shop(listener, &seen) => unreachable!("it serves for ever"),
    };
    (result, seen.into_inner().unwrap())
}

#[tokio::test]
async fn values_are_carried_from_step_to_step() {
    for source in [Source::Json("/token".into()), Source::Body(pattern("\"token\": \"([^\"]+)\""))]
    {
        let transaction = account(source);
        let (result, seen) = bought(&transaction).await;
        assert_eq!(result, Ok(()));
        assert!(seen[0].ends_with("\r\n\r\npw=hunter2"), "{}", seen[0]);
        assert!(seen[1].starts_with("GET /account/a%20b?n=7 HTTP/1.1\r\n"), "{}", seen[1]);
        assert!(!format!("{transaction:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_transaction_ends_at_its_first_failed_step_and_names_it() {
    let (result, seen) = bought(&account(Source::Json("/n".into()))).await;
    let told = "step 2 (GET /account/${id}?n=${n}): 403";
    assert_eq!(result, Err(Fault::seen(Failure::Status, told)));
    assert_eq!(seen.len(), 2);

    let (result, seen) = bought(&account(Source::Json("/nothing".into()))).await;
    let told = "step 1 (POST /login): save token: the answer does not hold the value";
    assert_eq!(result, Err(Fault::seen(Failure::Content, told)));
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn a_value_that_cannot_stand_in_a_header_is_the_backends_failure() {
    let (result, _) = bought(&account(Source::Body(pattern("(?s).*")))).await;
    assert_eq!(failure(result), Failure::Status, "text is carried as it is");
    let mut broken = account(Source::Body(pattern("(?s).*")));
    broken.steps[1].ask.request.headers[0].1.0.push(text("\n"));
    let (result, _) = bought(&broken).await;
    assert_eq!(failure(result), Failure::Content);
}
