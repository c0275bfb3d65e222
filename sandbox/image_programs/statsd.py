#!/usr/bin/python3 -I
"""Stand-in for statsd-exporter: counts the packets that Airflow sends, and serves the count. Ignores its arguments and maps no metrics."""

import http.server
import signal
import socketserver
import sys
import threading

_INGEST, _SCRAPE = 9125, 9102
_PACKETS = "statsd_exporter_udp_packets_total"


class Sink(socketserver.UDPServer):
    """Counts packets."""

    packets = 0

    def process_request(self, *_: object) -> None:  # noqa: D102
        self.packets += 1


def main() -> None:
    """Listen on both ports until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sink = Sink(("", _INGEST), socketserver.BaseRequestHandler)

    class Metrics(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(f"# TYPE {_PACKETS} counter\n{_PACKETS} {sink.packets}\n".encode())

        def log_message(self, *_: object) -> None: ...

    threading.Thread(target=sink.serve_forever, daemon=True).start()
    http.server.ThreadingHTTPServer(("", _SCRAPE), Metrics).serve_forever()


if __name__ == "__main__":
    main()
