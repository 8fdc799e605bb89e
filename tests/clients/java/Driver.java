/*
 * Java's client, driven from Python: tests/support/foreign.py says how.
 */

import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Manager;
import io.socket.client.Socket;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

public final class Driver {
    private final PrintStream output = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    private final Map<Integer, Socket> clients = new HashMap<>();
    private final Map<Integer, Ack> acks = new ConcurrentHashMap<>();
    private final AtomicInteger lastAck = new AtomicInteger();

    public static void main(String[] args) throws Exception {
        new Driver().run();
        System.exit(0); // the client's threads would live on
    }

    private void run() throws Exception {
        BufferedReader input =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            JSONObject request = new JSONObject(line);
            try {
                perform(request);
            } catch (Exception error) {
                write(new JSONObject().put("id", request.get("id")).put("error", "" + error));
            }
        }
    }

    private void perform(JSONObject request) throws Exception {
        int number = request.optInt("client");
        switch (request.getString("op")) {
            case "connect":
                watch(number, connected(request)).connect();
                break;
            case "namespace":
                Manager manager = clients.get(request.getInt("of")).io();
                IO.Options options = new IO.Options();
                options.auth = auth(request);
                watch(number, manager.socket(request.getString("name"), options)).connect();
                break;
            case "emit":
                clients.get(number).emit(request.getString("event"), arguments(request));
                break;
            case "emit_with_ack":
                Ack answered = args -> answer(request, packed(args));
                clients.get(number).emit(request.getString("event"), arguments(request), answered);
                return;
            case "ack":
                acks.remove(request.getInt("number")).call(arguments(request));
                break;
            case "disconnect":
                clients.get(number).disconnect();
                break;
            case "close":
                Socket client = clients.remove(number);
                client.io().reconnection(false);
                client.disconnect();
                break;
            default:
                throw new IllegalArgumentException("no operation of this driver");
        }
        answer(request, JSONObject.NULL);
    }

    private static Socket connected(JSONObject request) throws Exception {
        IO.Options options = new IO.Options();
        options.forceNew = true;
        options.reconnection = request.getBoolean("reconnection");
        options.reconnectionDelay = 1;
        options.transports = texts(request.getJSONArray("transports"));
        options.auth = auth(request);
        return IO.socket(request.getString("url"), options);
    }

    /** This client takes texts only. */
    private static Map<String, String> auth(JSONObject request) throws JSONException {
        JSONObject auth = request.optJSONObject("auth");
        if (auth == null) {
            return null;
        }
        Map<String, String> texts = new HashMap<>();
        for (Iterator<?> keys = auth.keys(); keys.hasNext(); ) {
            String key = (String) keys.next();
            texts.put(key, (String) auth.get(key));
        }
        return texts;
    }

    private static String[] texts(JSONArray values) throws JSONException {
        String[] texts = new String[values.length()];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = values.getString(i);
        }
        return texts;
    }

    // ------------------------------------------------------------- what happens to clients

    private Socket watch(int number, Socket socket) {
        clients.put(number, socket);
        for (String event :
                new String[] {
                    Socket.EVENT_CONNECT, Socket.EVENT_CONNECT_ERROR, Socket.EVENT_DISCONNECT
                }) {
            socket.on(event, args -> tell(number, event, args));
        }
        socket.onAnyIncoming(
                args -> {
                    Object[] rest = new Object[args.length - 1];
                    System.arraycopy(args, 1, rest, 0, rest.length);
                    tell(number, (String) args[0], rest);
                });
        return socket;
    }

    private void tell(int number, String event, Object[] args) {
        try {
            write(new JSONObject().put("client", number).put("event", event).put("args", packed(args)));
        } catch (JSONException error) {
            throw new IllegalStateException(error);
        }
    }

    private void answer(JSONObject request, Object value) {
        try {
            write(new JSONObject().put("id", request.get("id")).put("ok", value));
        } catch (JSONException error) {
            throw new IllegalStateException(error);
        }
    }

    private synchronized void write(JSONObject line) {
        output.println(line);
        output.flush();
    }

    // -------------------------------------------------------------------- values as JSON

    private static Object[] arguments(JSONObject request) throws JSONException {
        JSONArray args = (JSONArray) unpacked(request.getJSONArray("args"));
        List<Object> values = new ArrayList<>();
        for (int i = 0; i < args.length(); i++) {
            values.add(args.get(i));
        }
        return values.toArray();
    }

    private static Object unpacked(Object value) throws JSONException {
        if (value instanceof JSONArray) {
            JSONArray array = new JSONArray();
            for (int i = 0; i < ((JSONArray) value).length(); i++) {
                array.put(unpacked(((JSONArray) value).get(i)));
            }
            return array;
        }
        if (!(value instanceof JSONObject)) {
            return value;
        }
        JSONObject object = (JSONObject) value;
        if (object.has("$bytes")) {
            return Base64.getDecoder().decode(object.getString("$bytes"));
        }
        JSONObject result = new JSONObject();
        for (Iterator<?> keys = object.keys(); keys.hasNext(); ) {
            String key = (String) keys.next();
            result.put(key, unpacked(object.get(key)));
        }
        return result;
    }

    private JSONArray packed(Object[] values) {
        JSONArray array = new JSONArray();
        for (Object value : values) {
            try {
                array.put(packed(value));
            } catch (JSONException error) {
                throw new IllegalStateException(error);
            }
        }
        return array;
    }

    private Object packed(Object value) throws JSONException {
        if (value == null) {
            return JSONObject.NULL;
        }
        if (value instanceof byte[]) {
            return new JSONObject().put("$bytes", Base64.getEncoder().encodeToString((byte[]) value));
        }
        if (value instanceof Ack) {
            int number = lastAck.incrementAndGet();
            acks.put(number, (Ack) value);
            return new JSONObject().put("$ack", number);
        }
        if (value instanceof Exception) {
            return new JSONObject().put("message", "" + value);
        }
        if (value instanceof JSONArray) {
            JSONArray array = new JSONArray();
            for (int i = 0; i < ((JSONArray) value).length(); i++) {
                array.put(packed(((JSONArray) value).get(i)));
            }
            return array;
        }
        if (value instanceof JSONObject) {
            JSONObject object = new JSONObject();
            for (Iterator<?> keys = ((JSONObject) value).keys(); keys.hasNext(); ) {
                String key = (String) keys.next();
                object.put(key, packed(((JSONObject) value).get(key)));
            }
            return object;
        }
        return value;
    }
}
