"""The gateway: HTTP in, API Gateway's event to the app, its answer back as HTTP; tried over a socket."""

import base64
import http.client
import json
import socket
import threading
from urllib.parse import quote, unquote

import pytest

from cli.embedded.ports import listen
from cli.local.gateway import gateway, serve


class App:
    """Remembers each event, and answers what it was told to."""

    def __init__(self):
        self.events = []
        self.contexts = []
        self.answer = {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": "hello"}

    def __call__(self, event, context):
        self.events.append(event)
        self.contexts.append(context)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def page(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "4")])
    return [b"page"]


@pytest.fixture
def app():
    return App()


@pytest.fixture
def port(app):
    with listen(0, "PORT") as listener:
        server = serve(listener, gateway(app, page))
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield listener.getsockname()[1]
        server.shutdown()


def ask(port, target, method="GET", body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in (headers or []) + ([("Content-Length", str(len(body)))] if body is not None else []):
        connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    response.content = response.read()
    connection.close()
    return response


KEYS = [
    "photos/cat.jpg",
    "a b.jpg",
    "a+b.jpg",
    "100%.jpg",
    "100%25.jpg",
    "café.jpg",
    "😀/🎈.png",
    "one/two/three/four/five.jpg",
    "a//b///c.jpg",
    "/leading.jpg",
    "//two-leading.jpg",
    "trailing/",
    "a?b#c&d=e.jpg",
    "semi;colon,comma:colon@at!.jpg",
    "quote'\"back\\slash.jpg",
    ".hidden/../up.jpg",
    "-/not-the-page.jpg",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_reaches_the_app_as_it_was_escaped(app, port, key):
    assert ask(port, "/" + quote(key)).status == 200
    event = app.events[0]
    assert unquote(event["pathParameters"]["key"]) == key
    assert event["pathParameters"]["key"] == quote(key)
    assert event["path"] == "/" + quote(key)


def test_bytes_that_a_client_did_not_escape_are_escaped(app, port):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        raw.sendall("GET /café+1.jpg?txt=é HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 200 OK")
    assert unquote(app.events[0]["pathParameters"]["key"]) == "café+1.jpg"
    assert app.events[0]["queryStringParameters"] == {"txt": "é"}


def test_an_absolute_target_is_its_path(app, port):
    ask(port, "http://cdn.example/a%20b.jpg?w=1")
    assert app.events[0]["path"] == "/a%20b.jpg"
    assert app.events[0]["queryStringParameters"] == {"w": "1"}


def test_the_query_comes_decoded_with_every_value(app, port):
    ask(port, "/a.jpg?w=1&w=2&txt=a+b%2Bc%20%C3%A9&flag=&bare")
    event = app.events[0]
    assert event["queryStringParameters"] == {"w": "2", "txt": "a b+c é", "flag": "", "bare": ""}
    assert event["multiValueQueryStringParameters"] == {"w": ["1", "2"], "txt": ["a b+c é"], "flag": [""], "bare": [""]}


def test_without_query_and_body_there_is_none(app, port):
    ask(port, "/a.jpg")
    event = app.events[0]
    assert event["queryStringParameters"] is event["multiValueQueryStringParameters"] is event["body"] is None
    assert event["isBase64Encoded"] is False


def test_headers_come_as_sent_with_every_value(app, port):
    ask(port, "/a.jpg", headers=[("Accept", "image/webp"), ("X-Odd-CASE", "1"), ("X-Odd-CASE", "2")])
    event = app.events[0]
    assert event["headers"]["Accept"] == "image/webp"
    assert event["headers"]["X-Odd-CASE"] == "2"
    assert event["multiValueHeaders"]["X-Odd-CASE"] == ["1", "2"]


def test_a_body_comes_in_base64(app, port):
    ask(port, "/a.jpg", body=bytes(range(256)))
    assert app.events[0]["isBase64Encoded"] is True
    assert base64.b64decode(app.events[0]["body"]) == bytes(range(256))


@pytest.mark.parametrize(
    ("target", "resource"), [("/a.jpg?x=1", "/{key+}"), ("/-/health", "/-/health"), ("/-/healthy", "/{key+}")]
)
def test_the_resource_is_the_route(app, port, target, resource):
    ask(port, target)
    event = app.events[0]
    assert event["resource"] == event["requestContext"]["resourcePath"] == resource
    assert (event["pathParameters"] is None) == (resource == "/-/health")


def test_the_request_context_says_who_and_what(app, port):
    ask(port, "/a.jpg", method="OPTIONS")
    asked = app.events[0]["requestContext"]
    assert (asked["httpMethod"], asked["path"], asked["identity"]["sourceIp"]) == ("OPTIONS", "/a.jpg", "127.0.0.1")
    assert asked["requestId"] == app.contexts[0].aws_request_id
    assert 28_000 < app.contexts[0].get_remaining_time_in_millis() <= 29_000


def test_binary_bodies_come_back(app, port):
    picture = bytes(range(256)) * 1000
    app.answer = {
        "statusCode": 200,
        "headers": {"Content-Type": "image/webp"},
        "body": base64.b64encode(picture).decode(),
        "isBase64Encoded": True,
    }
    response = ask(port, "/a.webp")
    assert response.content == picture
    assert response.headers["Content-Length"] == "256000"
    assert response.headers["Content-Type"] == "image/webp"


def test_text_bodies_come_back_in_utf_8(app, port):
    app.answer = {"statusCode": 404, "headers": {}, "body": "kein Büro"}
    response = ask(port, "/a.jpg")
    assert (response.status, response.reason, response.content.decode()) == (404, "Not Found", "kein Büro")


def test_headers_with_several_values_come_back(app, port):
    app.answer = {
        "statusCode": 200,
        "headers": {"Link": "<b>", "ETag": '"1"'},
        "multiValueHeaders": {"Link": ["<a>", "<b>"]},
        "body": "",
    }
    response = ask(port, "/a.jpg")
    assert response.headers.get_all("Link") == ["<a>", "<b>"]
    assert response.headers.get_all("ETag") == ['"1"']


def test_head_keeps_the_length_and_has_no_body(app, port):
    app.answer = {"statusCode": 200, "headers": {"content-length": "1234"}, "body": ""}
    response = ask(port, "/a.jpg", method="HEAD")
    assert response.headers.get_all("Content-Length") == ["1234"]
    assert response.content == b""


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_neither_body_nor_length(app, port, status):
    app.answer = {"statusCode": status, "headers": {"ETag": '"1"', "Content-Length": "0"}, "body": ""}
    response = ask(port, "/a.jpg")
    assert (response.status, response.content, response.headers["Content-Length"]) == (status, b"", None)
    assert response.headers["ETag"] == '"1"'


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "BREW"])
def test_a_method_that_is_not_taken_is_405(app, port, method):
    response = ask(port, "/a.jpg", method=method, body=b"x" * 100_000)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert "GET, HEAD, OPTIONS" in json.loads(response.content)["message"]
    assert app.events == []


def test_a_body_over_the_limit_is_413(app, port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.putrequest("GET", "/a.jpg")
    connection.putheader("Content-Length", str(11 * 1024 * 1024))
    connection.endheaders()
    connection.sock.shutdown(socket.SHUT_WR)
    assert connection.getresponse().status == 413
    assert app.events == []


def test_an_app_that_raises_is_502_without_a_word_of_why(app, port, caplog):
    app.answer = RuntimeError("secret")
    response = ask(port, "/a.jpg")
    assert (response.status, json.loads(response.content)) == (502, {"message": "Internal server error"})
    assert "/a.jpg" in caplog.text


def test_an_answer_that_lambda_cannot_carry_is_502(app, port):
    app.answer = {"statusCode": 200, "headers": {}, "body": "x" * (6 * 1024 * 1024 + 1)}
    assert ask(port, "/a.jpg").status == 502


@pytest.mark.parametrize("target", ["/", "/?q=1", "/-/page", "/-/page/upload?key=a", "http://127.0.0.1/"])
def test_the_page_has_its_own_place(app, port, target):
    assert ask(port, target).content == b"page"
    assert app.events == []


def test_requests_are_served_at_the_same_time():
    together = threading.Barrier(3, timeout=5)

    def app(event, context):
        together.wait()
        return {"statusCode": 200, "headers": {}, "body": event["path"]}

    with listen(0, "PORT") as listener:
        server = serve(listener, gateway(app, page))
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        port, answers = listener.getsockname()[1], []
        threads = [threading.Thread(target=lambda n=n: answers.append(ask(port, f"/{n}").content)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.shutdown()
    assert sorted(answers) == [b"/0", b"/1", b"/2"]
