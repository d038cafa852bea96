"""A small service registered by pyeureka, driven over HTTP by the test.

The library is a call for each verb; its wrapper beats from a timer. It keeps nothing: a service looks up by itself.
"""

import argparse
import importlib.metadata
import json
import signal
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from pyeureka import SimpleEurekaServiceWrapper


def up(app):
    found = service.client.query(app=app)["application"]["instance"]
    return [i for i in found if i["status"] == "UP"]


def set_status(value):
    if value == "UP":
        service.client.put_instance_back_into_service()
    else:
        service.client.take_instance_out_of_service()
    return value


def call(app, path):
    found = up(app)[0]
    with urllib.request.urlopen(f"http://{found['hostName']}:{found['port']['$']}{path}") as response:
        return response.read().decode()


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
            return id
        if path == "/instances":
            return [{"id": i["instanceId"], "host": i["hostName"], "port": i["port"]["$"], "metadata": i["metadata"]}
                    for i in up(query["app"])]
        if path == "/call":
            return call(query["app"], query["path"])
        if path == "/status":
            return set_status(query["value"])
        if path == "/metadata":
            service.client.update_metadata(query["key"], query["value"])
            return query["value"]
        if path == "/stats":
            return {"version": importlib.metadata.version("pyeureka")}
        raise LookupError(path)

    def reply(self, code, text):
        self.send_response(code)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


parser = argparse.ArgumentParser()
parser.add_argument("--server", required=True)
parser.add_argument("--app", required=True)
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--lease", type=int, required=True)
arguments = parser.parse_args()
id = f"127.0.0.1:{arguments.app.lower()}:{arguments.port}"
service = SimpleEurekaServiceWrapper(arguments.server.removesuffix("/eureka/"), {
    "app": arguments.app, "instanceId": id, "ipAddr": "127.0.0.1", "port": arguments.port, "status": "UP",
    "vipAddress": arguments.app, "metadata": {"fixture": "pyeureka"},
    "leaseInfo": {"renewalIntervalInSecs": 1, "durationInSecs": arguments.lease},
}, 1)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
endpoints = ThreadingHTTPServer(("127.0.0.1", arguments.port), Endpoints)
service.run()
try:
    endpoints.serve_forever()
finally:
    service.stop()
