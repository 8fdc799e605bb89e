// Go's server, with the handlers of a peer: tests/support/peers.py says which.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

type request struct {
	Id      int
	Op      string
	Peer    int
	Options map[string]any
	Sid     string
}

type object = map[string]any

// A peer is one server.
type peer struct {
	io   *socket.Server
	http *http.Server

	mutex  sync.Mutex // for what follows
	fates  map[string]*fate
	change *sync.Cond
}

// A fate is what became of a session and of its sockets.
type fate struct {
	engine  string
	open    int
	sockets map[string]string
}

var (
	peers  = map[int]*peer{}
	output = json.NewEncoder(os.Stdout)
	mutex  sync.Mutex // for output
)

func main() {
	// Of several threads, any one may be the first to send: with one, most scripts see the
	// same each time.
	runtime.GOMAXPROCS(1)
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			panic(err)
		}
		switch r.Op {
		case "peer_open":
			p, port, err := open(r.Options)
			if err != nil {
				write(object{"id": r.Id, "error": err.Error()})
				continue
			}
			number := len(peers) + 1
			peers[number] = p
			write(object{"id": r.Id, "ok": object{"number": number, "port": port}})
		case "peer_fate":
			p := peers[r.Peer]
			go func() { write(object{"id": r.Id, "ok": p.fateOf(r.Sid)}) }()
		case "peer_close":
			peers[r.Peer].io.Close(nil)
			_ = peers[r.Peer].http.Close()
			write(object{"id": r.Id, "ok": nil})
		default:
			write(object{"id": r.Id, "error": "no operation of this program"})
		}
	}
}

func write(line object) {
	mutex.Lock()
	defer mutex.Unlock()
	if err := output.Encode(line); err != nil {
		panic(err)
	}
}

func open(given object) (*peer, int, error) {
	options, err := optionsOf(given)
	if err != nil {
		return nil, 0, err
	}
	p := &peer{io: socket.NewServer(nil, options), fates: map[string]*fate{}}
	p.change = sync.NewCond(&p.mutex)
	handler := p.io.ServeHandler(nil)
	_ = p.io.Engine().On("connection", func(args ...any) { p.watch(args[0].(engine.Socket)) })
	for _, name := range []any{"/", "/custom", regexp.MustCompile(`^/dynamic-\d+$`)} {
		_ = p.io.Of(name, nil).On("connection", p.connected)
	}
	p.io.Of("/refused", nil).Use(refuse)
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", handler)
	p.http = &http.Server{Handler: mux}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	go func() { _ = p.http.Serve(listener) }()
	return p, listener.Addr().(*net.TCPAddr).Port, nil
}

// --------------------------------------------------------------------------- options

func optionsOf(given object) (*socket.ServerOptions, error) {
	options := socket.DefaultServerOptions()
	for name, value := range given {
		switch name {
		case "pingInterval":
			options.SetPingInterval(milliseconds(value))
		case "pingTimeout":
			options.SetPingTimeout(milliseconds(value))
		case "connectTimeout":
			options.SetConnectTimeout(milliseconds(value))
		case "upgradeTimeout":
			options.SetUpgradeTimeout(milliseconds(value))
		case "maxHttpBufferSize":
			options.SetMaxHttpBufferSize(int64(value.(float64)))
		case "allowEIO3":
			options.SetAllowEIO3(value.(bool))
		case "allowUpgrades":
			options.SetAllowUpgrades(value.(bool))
		case "transports":
			options.SetTransports(transportsOf(value.([]any)))
		case "cookie":
			// The value of Go's cookie is the application's.
			options.SetCookie(&http.Cookie{Name: value.(string)})
		case "cors":
			options.SetCors(corsOf(value.(object)))
		case "perMessageDeflate":
			options.SetPerMessageDeflate(&types.PerMessageDeflate{})
		case "connectionStateRecovery":
			options.SetConnectionStateRecovery(socket.DefaultConnectionStateRecovery())
		default:
			return nil, fmt.Errorf("this program does not know the option %s", name)
		}
	}
	return options, nil
}

func milliseconds(value any) time.Duration {
	return time.Duration(value.(float64)) * time.Millisecond
}

func transportsOf(names []any) *types.Set[engine.TransportCtor] {
	chosen := types.NewSet[engine.TransportCtor]()
	for _, name := range names {
		if name == "polling" {
			chosen.Add(engine.Polling)
		} else {
			chosen.Add(engine.WebSocket)
		}
	}
	return chosen
}

func corsOf(given object) *types.Cors {
	cors := &types.Cors{Origin: given["origin"]}
	cors.Credentials, _ = given["credentials"].(bool)
	if headers, found := given["allowedHeaders"]; found {
		cors.AllowedHeaders = headers.(string)
	}
	if headers, found := given["exposedHeaders"]; found {
		cors.ExposedHeaders = headers.(string)
	}
	if age, found := given["maxAge"]; found {
		cors.MaxAge = fmt.Sprint(age)
	}
	return cors
}

// -------------------------------------------------------------------------- handlers

func refuse(client *socket.Socket, next func(*socket.ExtendedError)) {
	if data, found := client.Handshake().Auth["data"]; found {
		next(socket.NewExtendedError("no", data))
	} else {
		next(socket.NewExtendedError("no", nil))
	}
}

func (p *peer) connected(args ...any) {
	client := args[0].(*socket.Socket)
	sid, name := client.Conn().Id(), client.Nsp().Name()
	p.joined(sid)
	_ = client.On("disconnect", func(args ...any) { p.left(sid, name, args[0].(string)) })
	_ = client.Emit("auth", client.Handshake().Auth)
	_ = client.OnAny(func(args ...any) {
		if len(args) == 0 { // an event without data
			args = []any{nil}
		}
		event, values := args[0], args[1:]
		var answer socket.Ack
		if len(values) > 0 {
			if last, is := values[len(values)-1].(socket.Ack); is {
				answer, values = last, values[:len(values)-1]
			}
		}
		p.happened(client, event, values, answer)
	})
}

func (p *peer) happened(client *socket.Socket, event any, values []any, answer socket.Ack) {
	switch event {
	case "message":
		_ = client.Emit("message-back", values...)
	case "message-with-ack":
		if answer != nil {
			answer(values, nil)
			answer(values, nil)
		}
	case "ask":
		client.EmitWithAck("question", values...)(func(answers []any, err error) {
			_ = client.Emit("answered", answers...)
		})
	case "handshake":
		answer([]any{shown(client.Handshake())}, nil)
	case "join":
		client.Join(socket.Room(values[0].(string)))
	case "tell":
		_ = client.Nsp().To(socket.Room(values[0].(string))).Emit("told", values[1:]...)
	case "leave":
		client.Disconnect(false)
	case "end":
		client.Disconnect(true)
	case "kick":
		client.Conn().Close(false)
	default:
		_ = client.Emit("other", append([]any{event}, values...)...)
	}
}

func shown(handshake *socket.Handshake) object {
	path, query, _ := strings.Cut(handshake.Url, "?")
	return object{
		"path": path, "raw": query, "query": handshake.Query, "auth": handshake.Auth,
		"xdomain": handshake.Xdomain, "secure": handshake.Secure, "address": handshake.Address,
		"agent": handshake.Headers["User-Agent"],
	}
}

// ------------------------------------------------------------------------------ fates

// fate returns the fate of a session; the mutex is held.
func (p *peer) fate(sid string) *fate {
	found, is := p.fates[sid]
	if !is {
		found = &fate{sockets: map[string]string{}}
		p.fates[sid] = found
	}
	return found
}

func (p *peer) watch(session engine.Socket) {
	_ = session.On("close", func(args ...any) {
		p.tell(session.Id(), func(f *fate) { f.engine = args[0].(string) })
	})
}

func (p *peer) joined(sid string) {
	p.tell(sid, func(f *fate) { f.open++ })
}

func (p *peer) left(sid string, name string, reason string) {
	p.tell(sid, func(f *fate) {
		f.open--
		f.sockets[name] = reason
	})
}

func (p *peer) tell(sid string, change func(*fate)) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	change(p.fate(sid))
	p.change.Broadcast()
}

func (p *peer) fateOf(sid string) object {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	f := p.fate(sid)
	for f.engine == "" || f.open > 0 {
		p.change.Wait()
	}
	return object{"engine": f.engine, "sockets": f.sockets}
}
