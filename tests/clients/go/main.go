// Go's client, driven from Python: tests/support/foreign.py says how.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/zishang520/socket.io/clients/engine/v3"
	"github.com/zishang520/socket.io/clients/socket/v3"
	acks "github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

type request struct {
	Id           int
	Op           string
	Client       int
	Of           int
	Url          string
	Name         string
	Transports   []string
	Auth         map[string]any
	Reconnection bool
	Event        string
	Args         []any
	Number       int
}

type object = map[string]any

// A driver has the clients of one process.
type driver struct {
	clients map[int]*socket.Socket

	mutex   sync.Mutex // for what follows
	answers map[int]acks.Ack
	lastAck int
	output  *json.Encoder
}

var transports = map[string]engine.TransportCtor{
	"polling":   socket.Polling,
	"websocket": socket.WebSocket,
}

func main() {
	// Of two threads, one sometimes opens a connection before the other listens for that:
	// about one client in a hundred would never connect.
	runtime.GOMAXPROCS(1)
	d := &driver{
		clients: map[int]*socket.Socket{},
		answers: map[int]acks.Ack{},
		output:  json.NewEncoder(os.Stdout),
	}
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
		if err := d.perform(&r); err != nil {
			d.write(object{"id": r.Id, "error": err.Error()})
		}
	}
}

func (d *driver) perform(r *request) error {
	var value any
	switch r.Op {
	case "connect":
		client, err := socket.Connect(r.Url, options(r))
		if err != nil {
			return err
		}
		d.watch(r.Client, client).Connect()
	case "namespace":
		options := socket.DefaultSocketOptions()
		options.SetAuth(r.Auth)
		d.watch(r.Client, d.clients[r.Of].Io().Socket(r.Name, options)).Connect()
	case "emit":
		if err := d.clients[r.Client].Emit(r.Event, arguments(r)...); err != nil {
			return err
		}
	case "emit_with_ack":
		d.clients[r.Client].EmitWithAck(r.Event, arguments(r)...)(func(args []any, err error) {
			if err != nil {
				d.write(object{"id": r.Id, "error": err.Error()})
			} else {
				d.write(object{"id": r.Id, "ok": d.packed(args)})
			}
		})
		return nil
	case "ack":
		d.taken(r.Number)(arguments(r), nil)
	case "disconnect":
		d.clients[r.Client].Disconnect()
	case "close":
		d.clients[r.Client].Io().SetReconnection(false)
		d.clients[r.Client].Disconnect()
		delete(d.clients, r.Client)
	case "recovered":
		value = d.clients[r.Client].Recovered()
	default:
		return errors.New("no operation of this driver")
	}
	d.write(object{"id": r.Id, "ok": value})
	return nil
}

func options(r *request) *socket.Options {
	options := socket.DefaultOptions()
	options.SetForceNew(true)
	options.SetAutoConnect(false) // so that no event is missed
	if r.Reconnection {
		options.SetReconnectionDelay(1)
		options.SetReconnectionDelayMax(5)
		// It may miss that an attempt has failed; then it waits for this.
		options.SetTimeout(time.Second)
	} else {
		options.SetReconnection(false)
	}
	if r.Auth != nil {
		options.SetAuth(r.Auth)
	}
	chosen := types.NewSet[engine.TransportCtor]()
	for _, name := range r.Transports {
		chosen.Add(transports[name])
	}
	options.SetTransports(chosen)
	return options
}

// ------------------------------------------------------------- what happens to clients

func (d *driver) watch(number int, client *socket.Socket) *socket.Socket {
	d.clients[number] = client
	for _, event := range []string{"connect", "connect_error", "disconnect"} {
		_ = client.On(types.EventName(event), func(args ...any) {
			if event == "disconnect" {
				args = args[:1]
			}
			d.tell(number, event, args)
		})
	}
	return client.OnAny(func(args ...any) {
		d.tell(number, args[0].(string), args[1:])
	})
}

func (d *driver) tell(number int, event string, args []any) {
	d.write(object{"client": number, "event": event, "args": d.packed(args)})
}

func (d *driver) taken(number int) acks.Ack {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	answer := d.answers[number]
	delete(d.answers, number)
	return answer
}

func (d *driver) write(line object) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if err := d.output.Encode(line); err != nil {
		panic(err)
	}
}

// --------------------------------------------------------------------- values as JSON

func arguments(r *request) []any {
	return unpacked(r.Args).([]any)
}

func unpacked(value any) any {
	switch value := value.(type) {
	case []any:
		values := make([]any, len(value))
		for i, item := range value {
			values[i] = unpacked(item)
		}
		return values
	case object:
		if text, found := value["$bytes"]; found {
			data, err := base64.StdEncoding.DecodeString(text.(string))
			if err != nil {
				panic(err)
			}
			return data
		}
		values := object{}
		for key, item := range value {
			values[key] = unpacked(item)
		}
		return values
	}
	return value
}

func (d *driver) packed(value any) any {
	switch value := value.(type) {
	case []any:
		values := make([]any, len(value))
		for i, item := range value {
			values[i] = d.packed(item)
		}
		return values
	case object:
		values := object{}
		for key, item := range value {
			values[key] = d.packed(item)
		}
		return values
	case types.BufferInterface:
		return object{"$bytes": base64.StdEncoding.EncodeToString(value.Bytes())}
	case acks.Ack:
		d.mutex.Lock()
		defer d.mutex.Unlock()
		d.lastAck++
		d.answers[d.lastAck] = value
		return object{"$ack": d.lastAck}
	case *types.ExtendedError:
		return object{"message": value.Message, "data": d.packed(value.Data)}
	case error:
		return object{"message": fmt.Sprint(value)}
	}
	return value
}
