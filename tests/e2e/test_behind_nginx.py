"""Behind a real nginx that passes upgrades on and shares its connections between clients."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.e2e.raw import Client, request
from tests.e2e.running import Service, free_port, wait_for

CLIENTS, REQUESTS = 20, 25
# The snippet of nginx's own page on WebSocket proxying, and connections that are kept to the upstream.
CONFIGURATION = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream backend {{ server 127.0.0.1:{upstream}; keepalive 2; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""


@pytest.fixture
def proxy(service: Service, tmp_path: Path) -> Iterator[int]:
    """The port of an nginx in front of `service`."""
    tmp_path.chmod(0o755)
    port = free_port()
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=tmp_path, upstream=service.port, port=port))
    nginx = subprocess.Popen(["nginx", "-e", str(tmp_path / "error.log"), "-c", str(configuration)])
    url = f"http://127.0.0.1:{port}/livez"

    def answers() -> bool:
        try:
            return httpx.get(url).status_code == 200
        except httpx.TransportError:
            return False

    wait_for(answers)
    yield port
    nginx.terminate()
    nginx.wait(30)


def test_clients_beside_an_attacker_get_their_own_answers(service: Service, proxy: int) -> None:
    """Who sends upgrades whose bodies are whole requests chooses nobody's answer."""
    row = [1.0] * 30
    hidden = request(b"POST", b"/predict", body=json.dumps({"id": "attack", "instances": [row]}).encode())
    offers = ((b"Connection: Upgrade", b"Upgrade: websocket"), (b"Connection: Upgrade", b"Upgrade: h2c"))
    over = False

    def attack() -> int:
        count = 0
        while not over:
            for offer in offers:
                with Client(proxy) as client:
                    client.send(request(b"POST", b"/predict", *offer, body=hidden * 3))
                    assert client.answers(1)[0].status == 400
                    count += 1
        return count

    def ask(number: int) -> set[tuple[str, bool]]:
        found = set()
        with httpx.Client(base_url=f"http://127.0.0.1:{proxy}", timeout=30) as client:
            for turn in range(REQUESTS):
                own = f"client-{number}-{turn}"
                answer = client.post("/predict", json={"id": own, "instances": [row]})
                found.add((own, answer.status_code == 200 and answer.json()["id"] == own))
        return found

    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        attacker = pool.submit(attack)
        answered = set().union(*pool.map(ask, range(CLIENTS)))
        over = True
        assert attacker.result() > CLIENTS
    assert len(answered) == CLIENTS * REQUESTS
    assert all(right for _, right in answered)
    assert "Traceback" not in service.log()
