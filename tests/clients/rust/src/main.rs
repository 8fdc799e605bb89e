//! Rust's client, driven from Python: tests/support/foreign.py says how.

use base64::{engine::general_purpose::STANDARD, Engine};
use futures_util::FutureExt;
use rust_socketio::asynchronous::{Client, ClientBuilder};
use rust_socketio::{Event, Payload, TransportType};
use serde_json::{json, Value};
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::time::Duration;
use url::Url;

/// How this client begins the text of a refusal, which it tells as an error.
const REFUSED: &str = "Received an ConnectError frame: ";

type Answer = Result<Value, Box<dyn std::error::Error>>;

fn main() {
    // Each client would read all certificates of the system: a hundred times the rest.
    std::env::set_var("SSL_CERT_FILE", "/dev/null");
    std::env::set_var("SSL_CERT_DIR", "/dev/null");
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let _ = sender.send(line.unwrap());
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let mut clients = HashMap::new();
        while let Some(line) = lines.recv().await {
            let request: Value = serde_json::from_str(&line).unwrap();
            match perform(&mut clients, &request).await {
                Ok(Value::Bool(true)) => (), // the answer comes later
                Ok(value) => write(json!({"id": request["id"], "ok": value})),
                Err(error) => write(json!({"id": request["id"], "error": error.to_string()})),
            }
        }
    });
    std::process::exit(0)
}

async fn perform(clients: &mut HashMap<u64, Client>, request: &Value) -> Answer {
    let number = request["client"].as_u64().unwrap();
    match request["op"].as_str().unwrap() {
        "connect" => {
            clients.insert(number, connected(number, request).await?);
        }
        "emit" => {
            let event = request["event"].as_str().unwrap();
            clients[&number].emit(event, payload(request)?).await?;
        }
        "emit_with_ack" => {
            let id = request["id"].clone();
            let answered = move |answer: Payload, _: Client| {
                // The arguments are one value for this client.
                let mut args = packed(answer);
                if args.len() == 1 && args[0].is_array() {
                    args = args.remove(0).as_array().unwrap().clone();
                }
                write(json!({"id": id, "ok": args}));
                async {}.boxed()
            };
            let event = request["event"].as_str().unwrap();
            let payload = payload(request)?;
            if matches!(payload, Payload::Binary(_)) {
                return Err("cannot ask with bytes: they are sent as an acknowledgement".into());
            }
            clients[&number]
                .emit_with_ack(event, payload, Duration::from_secs(60), answered)
                .await?;
            return Ok(Value::Bool(true));
        }
        "disconnect" => clients[&number].disconnect().await?,
        "close" => {
            if let Some(client) = clients.remove(&number) {
                let _ = client.disconnect().await; // it may have been disconnected
            }
        }
        other => return Err(format!("cannot {other}: this client does not have that").into()),
    }
    Ok(Value::Null)
}

async fn connected(number: u64, request: &Value) -> Result<Client, Box<dyn std::error::Error>> {
    let mut url = Url::parse(request["url"].as_str().unwrap())?;
    let namespace = url.path().to_owned();
    url.set_path("/");
    let transport = match request["transports"].as_array().unwrap().as_slice() {
        [only] if only == "polling" => TransportType::Polling,
        [only] if only == "websocket" => TransportType::Websocket,
        _ => TransportType::Any,
    };
    let mut builder = ClientBuilder::new(url)
        .namespace(namespace)
        .transport_type(transport)
        .reconnect(request["reconnection"].as_bool().unwrap())
        .reconnect_delay(1, 5)
        .on(Event::Connect, move |_, _| {
            tell(number, "connect", vec![]);
            async {}.boxed()
        })
        .on(Event::Close, move |_, _| {
            tell(number, "disconnect", vec![Value::Null]); // it knows no reasons
            async {}.boxed()
        })
        .on(Event::Error, move |error, _| {
            failed(number, &packed(error)[0]);
            async {}.boxed()
        })
        .on_any(move |event, payload, _| {
            tell(number, event.as_str(), packed(payload));
            async {}.boxed()
        });
    if !request["auth"].is_null() {
        builder = builder.auth(request["auth"].clone());
    }
    Ok(builder.connect().await?)
}

// --------------------------------------------------------------- what happens to clients

/// Tell of an error: the server's refusal, or the end of the connection.
fn failed(number: u64, error: &Value) {
    let text = error.as_str().unwrap_or_default();
    match text.strip_prefix(REFUSED) {
        Some(why) => tell(
            number,
            "connect_error",
            vec![serde_json::from_str(why).unwrap()],
        ),
        None => tell(number, "disconnect", vec![error.clone()]),
    }
}

fn tell(number: u64, event: &str, args: Vec<Value>) {
    write(json!({"client": number, "event": event, "args": args}));
}

fn write(line: Value) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").unwrap();
    output.flush().unwrap();
}

// ----------------------------------------------------------------------- values as JSON

/// Return the arguments of a request; this client sends either one value of bytes, or JSON.
fn payload(request: &Value) -> Result<Payload, Box<dyn std::error::Error>> {
    let args = request["args"].as_array().unwrap();
    if let [only] = args.as_slice() {
        if let Some(text) = only["$bytes"].as_str() {
            return Ok(Payload::from(STANDARD.decode(text)?));
        }
    }
    if Value::from(args.clone()).to_string().contains("\"$bytes\"") {
        return Err("cannot send bytes beside other arguments, or inside of one".into());
    }
    Ok(Payload::from(args.clone()))
}

fn packed(payload: Payload) -> Vec<Value> {
    match payload {
        Payload::Text(values) => values,
        Payload::Binary(bytes) => vec![json!({"$bytes": STANDARD.encode(bytes)})],
        #[allow(deprecated)]
        Payload::String(text) => vec![Value::from(text)],
    }
}
