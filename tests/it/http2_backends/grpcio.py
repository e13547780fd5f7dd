"""Both ends of some gRPC calls, by grpcio, with bytes for messages.

`serve` prints its port and answers until its input ends; `call ADDRESS` calls and prints what came.
"""

import queue
import sys
from concurrent import futures

import grpc


def unary(request, context):
    if request == b"fail":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now: 50 %")
    if request == b"wait":
        left = context.time_remaining()
        assert left is not None and left < 1, left
        futures.wait([futures.Future()], timeout=2)
    context.set_trailing_metadata((("x-sum", str(len(request))),))
    return request[::-1]


def server_stream(request, context):
    for n in range(int(request)):
        yield b"%d" % n


def client_stream(requests, context):
    return b"+".join(requests)


def both_stream(requests, context):
    for request in requests:
        yield request * 2


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Down": grpc.unary_stream_rpc_method_handler(server_stream),
    "Up": grpc.stream_unary_rpc_method_handler(client_stream),
    "Both": grpc.stream_stream_rpc_method_handler(both_stream),
}


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    handler = grpc.method_handlers_generic_handler("test.Calls", HANDLERS)
    server.add_generic_rpc_handlers((handler,))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(None)


def failure(call):
    try:
        call()
    except grpc.RpcError as error:
        return f"{error.code().name} {error.details()}"
    return "no failure"


def both(channel):
    """Each answer is awaited before the next request is made."""
    turns, answers = queue.Queue(), []
    turns.put(None)

    def requests():
        for n in range(3):
            turns.get()
            yield b"%d" % n

    for answer in channel.stream_stream("/test.Calls/Both")(requests(), timeout=20):
        answers.append(answer)
        turns.put(None)
    return answers


def call(address):
    with grpc.insecure_channel(address) as channel:
        unary = channel.unary_unary("/test.Calls/Unary")
        answer, done = unary.with_call(b"hello", timeout=20)
        print("unary", answer, dict(done.trailing_metadata())["x-sum"])
        large = bytes(3_000_000)
        print("large", unary(large, timeout=20) == large)
        print("down", list(channel.unary_stream("/test.Calls/Down")(b"3", timeout=20)))
        print("up", channel.stream_unary("/test.Calls/Up")(iter([b"a", b"b"]), timeout=20))
        print("both", both(channel))
        print("fails", failure(lambda: unary(b"fail", timeout=20)))
        print("late", failure(lambda: unary(b"wait", timeout=0.3)).split()[0])
        print("nowhere", failure(lambda: channel.unary_unary("/none/X")(b"", timeout=20)))


if __name__ == "__main__":
    serve() if sys.argv[1] == "serve" else call(sys.argv[2])
