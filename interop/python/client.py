"""A small service registered by py_eureka_client, or by eurekapy, its fork, driven over HTTP by the test."""

import argparse
import importlib
import importlib.metadata
import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

errors = []


def instances(app):
    application = eureka_client.get_client().applications.get_application(app.upper())
    found = application.up_instances if application else []
    return [{"id": i.instanceId, "host": i.hostName, "port": i.port.port, "metadata": i.metadata} for i in found]


def set_status(value):
    # The library's heartbeat thread and this one share an asyncio lock that works
    # in one event loop only; when both want it at once, the call fails here and is
    # only reported to the error callback.
    for _ in range(20):
        errors.clear()
        eureka_client.get_event_loop().run_until_complete(eureka_client.get_client().status_update(value))
        if not errors:
            return value
    raise errors[0]


class Endpoints(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        try:
            answer = self.answer(url.path, dict(parse_qsl(url.query)))
            self.reply(200, answer if isinstance(answer, str) else json.dumps(answer))
        except Exception as e:  # the test sees what went wrong
            self.reply(500, repr(e))

    def answer(self, path, query):
        if path == "/hello":
            return arguments.id
        if path == "/instances":
            return instances(query["app"])
        if path == "/call":
            return eureka_client.do_service(query["app"], query["path"])
        if path == "/status":
            return set_status(query["value"])
        if path == "/stats":
            return {"version": importlib.metadata.version(arguments.library)}
        raise LookupError(path)

    def reply(self, code, text):
        self.send_response(code)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", default="py_eureka_client")
    parser.add_argument("--fixture", default="python")
    parser.add_argument("--server", required=True)
    parser.add_argument("--app", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--lease", type=int, required=True)
    parser.add_argument("--interval", type=int, default=1)
    parsed = parser.parse_args()
    # What the library makes up when it is not told an id.
    parsed.id = f"127.0.0.1:{parsed.app.lower()}:{parsed.port}"
    return parsed


arguments = parse()
eureka_client = importlib.import_module(arguments.library + ".eureka_client")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
endpoints = HTTPServer(("127.0.0.1", arguments.port), Endpoints)
eureka_client.init(
    eureka_server=arguments.server,
    app_name=arguments.app,
    instance_host="127.0.0.1",
    instance_ip="127.0.0.1",
    instance_port=arguments.port,
    renewal_interval_in_secs=arguments.interval,
    duration_in_secs=arguments.lease,
    metadata={"fixture": arguments.fixture},
    on_error=lambda kind, error: errors.append(error),
)
try:
    endpoints.serve_forever()
finally:
    eureka_client.stop()
