// The Go port of socket.io, with default options: main PORT
// With SOCKIO_BENCH_DEFLATE it compresses.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

func main() {
	options := socket.DefaultServerOptions()
	if os.Getenv("SOCKIO_BENCH_DEFLATE") != "" {
		options.SetPerMessageDeflate(&types.PerMessageDeflate{Threshold: 1024})
	}
	io := socket.NewServer(nil, options)
	for _, name := range []string{"/", "/chat"} {
		register(io.Of(name, nil))
	}
	http.Handle("/socket.io/", io.ServeHandler(nil))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}

func register(namespace socket.Namespace) {
	namespace.On("connection", func(clients ...any) {
		client := clients[0].(*socket.Socket)
		client.On("echo", func(args ...any) { client.Emit("echo", args[0]) })
		client.On("ack", func(args ...any) { args[1].(socket.Ack)(args[:1], nil) })
		client.On("bin", func(args ...any) { client.Emit("bin", args[0]) })
		client.On("broadcast", func(args ...any) { namespace.Emit("broadcast", args[0]) })
		client.On("join", func(args ...any) { client.Join(room(args[0])) })
		client.On("room", func(args ...any) { namespace.To(room(args[0])).Emit("room", args[1]) })
	})
}

func room(name any) socket.Room {
	return socket.Room(name.(string))
}
