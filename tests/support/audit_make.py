"""Makes a large audit log as docs/audit.md describes it, for measuring what reads logs.

    python3 tests/support/audit_make.py RECORDS > audit.jsonl

Deterministic; a third of the statements are writes, some are refused. The key of its checkpoints is `2026`, its secret is 32 times `k`.
"""

import hashlib
import hmac
import random
import sys
import uuid
from datetime import datetime, timedelta, timezone

PURPOSE = b"portcullis audit checkpoint 1\n"
SECRET = b"k" * 32


def main():
    left = int(sys.argv[1])
    pick = random.Random(5)
    seq, head = 0, bytes(32)
    now = datetime(2026, 3, 1, tzinfo=timezone.utc)
    out = sys.stdout.buffer

    def write(body, checkpoint=False):
        nonlocal seq, head
        seq += 1
        content = b'{"v":1,"seq":%d,%s' % (seq, body.encode())
        if checkpoint:
            content += b',"mac":"%s"' % hmac.new(SECRET, PURPOSE + head + content, hashlib.sha256).hexdigest().encode()
        head = hashlib.sha256(head + content).digest()
        out.write(content + b',"hash":"%s"}\n' % head.hex().encode())

    tables = ["customers", "orders", "items", "invoices", "payments"]
    while left > 0:
        now += timedelta(microseconds=pick.randrange(1, 8_000_000))
        stamp = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        name, table, shape = "user%d" % (pick.paretovariate(1) % 5000), pick.choice(tables), pick.randrange(400)
        verb = "UPDATE" if shape % 3 == 0 else "SELECT"
        use = '"assign":["state"]' if verb == "UPDATE" else '"output":["id","email","city"]'
        statement = uuid.UUID(int=pick.getrandbits(128))
        sql = 'SELECT "id", "email", "city" FROM "%s" WHERE "id" = $1 AND "shape" = %d' % (table, shape)
        write(
            f'"phase":"intent","time":"{stamp}","id":"{statement}","subject":"{name}","tenant":"t{shape % 7}","roles":["clerk"],'
            f'"source_address":"192.0.2.{shape % 250}","handle":"read-write","server":"db:5432","database":"shop","dialect":"postgresql",'
            f'"ordinal":{seq},"attempt":1,"operation":"{verb}","summary":"{verb} {table}",'
            f'"tables":[{{"table":"{table}","verb":"{verb}",{use},"filter":["id"]}}],"fingerprint":"{hash_of(table, shape)}",'
            f'"sql":{quoted(sql)},"bind_count":1,"bind_types":["int8"]'
        )
        refused = shape == 7
        outcome = "denied" if refused else "allowed"
        more = ',"error":"hook.refused"' if refused else ""
        write(
            f'"phase":"completion","time":"{stamp}","id":"{statement}","outcome":"{outcome}","rows":{0 if refused else shape % 20},'
            f'"affected":0,"elapsed_us":{int(pick.lognormvariate(6, 1))}{more}'
        )
        left -= 2
        if seq % 1000 < 2 or left <= 0:
            closes = ',"closes":"log"' if left <= 0 else ""
            write(f'"phase":"checkpoint","time":"{stamp}","key":"2026"{closes}', checkpoint=True)


def hash_of(table, shape):
    return hashlib.sha256(f"{table} {shape}".encode()).hexdigest()[:16]


def quoted(text):
    return '"' + text.replace('"', '\\"') + '"'


if __name__ == "__main__":
    main()
