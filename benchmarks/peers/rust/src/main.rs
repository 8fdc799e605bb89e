//! socketioxide on axum, with default options: peer PORT THREADS

use axum::serve::ListenerExt;
use bytes::Bytes;
use serde_json::Value;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::SocketIo;
use tokio::runtime::Builder;

fn main() {
    let [port, threads] = [1, 2].map(|n| std::env::args().nth(n).unwrap().parse().unwrap());
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    let runtime = builder.enable_all().build().unwrap();
    runtime.block_on(serve(format!("127.0.0.1:{port}")));
}

async fn serve(address: String) {
    let (layer, io) = SocketIo::new_layer();
    for name in ["/", "/chat"] {
        register(&io, name);
    }
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    // The other servers do this by themselves.
    let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
    axum::serve(listener, axum::Router::new().layer(layer))
        .await
        .unwrap();
}

fn register(io: &SocketIo, name: &'static str) {
    let all = io.clone();
    let namespace = move || all.of(name).unwrap();
    io.ns(name, async move |socket: SocketRef| {
        socket.on("echo", async |socket: SocketRef, Data::<Value>(payload)| {
            socket.emit("echo", &payload).ok();
        });
        socket.on("ack", async |Data::<Value>(payload), ack: AckSender| {
            ack.send(&payload).ok();
        });
        socket.on("bin", async |socket: SocketRef, Data::<Bytes>(payload)| {
            socket.emit("bin", &payload).ok();
        });
        socket.on("join", async |socket: SocketRef, Data::<String>(room)| {
            socket.join(room);
        });
        let everyone = namespace.clone();
        socket.on("broadcast", async move |Data::<Value>(payload)| {
            everyone().emit("broadcast", &payload).await.ok();
        });
        let others = namespace.clone();
        socket.on(
            "room",
            async move |Data::<(String, Value)>((room, payload))| {
                others().within(room).emit("room", &payload).await.ok();
            },
        );
    });
}
