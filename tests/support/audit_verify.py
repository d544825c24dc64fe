"""Verifies audit logs as docs/audit.md describes them, with nothing but Python's own library.

A second implementation, written from the description, for the tests to hold the first against. Reads a JSON list of jobs from standard
input, each {"files": [...], "keys": {name: secret}, "anchors": ["seq:hash"], "flip": mask or 0}, and prints a list of findings. With
`flip` there is one finding for each byte of the files, with that byte changed.
"""

import hashlib
import hmac
import json
import re
import sys

LINE = re.compile(rb'\A(\{"v":1,"seq":([1-9][0-9]*),"phase":"([a-z]+)".*),"hash":"([0-9a-f]{64})"\}\Z', re.DOTALL)
MAC = re.compile(rb'\A(.*),"mac":"([0-9a-f]{64})"\Z', re.DOTALL)
PURPOSE = b"portcullis audit checkpoint 1\n"


class Broken(Exception):
    pass


def fields(content):
    try:
        return json.loads(content + b"}")
    except ValueError:
        return {}


class Log:
    def __init__(self, keys, anchors):
        self.keys = keys
        self.anchors = {int(text.split(":")[0]): text.split(":")[1] for text in anchors}
        self.seq, self.head = 0, bytes(32)
        self.records = self.torn = self.anchored = 0
        self.closed = False

    def check(self, line):
        match = LINE.match(line)
        if not match:
            raise Broken("not_a_record")
        content, seq, phase, said = match[1], int(match[2]), match[3], match[4].decode()
        before_seq, before = self.seq, self.head
        if self.records == 0 and seq != 1:
            first = fields(content)
            if phase != b"segment" or "previous_seq" not in first:
                raise Broken("beginning")
            try:
                before_seq, before = first["previous_seq"], bytes.fromhex(first["previous_hash"])
            except ValueError:
                raise Broken("beginning")
        if seq != before_seq + 1:
            raise Broken("missing" if seq > before_seq + 1 else "out_of_order")
        if hashlib.sha256(before + content).hexdigest() != said:
            raise Broken("changed")
        vouched = closes = False
        if phase == b"checkpoint":
            mac = MAC.match(content)
            name = fields(content).get("key")
            if not mac:
                raise Broken("changed")
            if name in self.keys:
                made = hmac.new(self.keys[name].encode(), PURPOSE + before + mac[1], hashlib.sha256).hexdigest()
                if not hmac.compare_digest(made, mac[2].decode()):
                    raise Broken("forged")
                vouched = True
                closes = fields(content).get("closes") == "log"
        if seq in self.anchors:
            if self.anchors[seq] != said:
                raise Broken("not_as_anchored")
            vouched = True
        self.seq, self.head = seq, bytes.fromhex(said)
        self.records += 1
        self.closed = closes
        if vouched:
            self.anchored = seq

    def read(self, data):
        """The line at which the file is broken and why, or nothing."""
        lines = data.split(b"\n")
        last = lines.pop()
        suspect = None
        for number, line in enumerate(lines + ([last] if last else []), 1):
            ended = number <= len(lines)
            if suspect:
                match = LINE.match(line) if ended else None
                said = fields(match[1]) if match and match[3] == b"recovery" else {}
                kind, at, torn = suspect
                if said.get("torn_bytes") != len(torn) or said.get("torn_sha256") != hashlib.sha256(torn).hexdigest():
                    return suspect
                self.torn += 1
            suspect = None
            try:
                if not ended:
                    raise Broken("torn")
                self.check(line)
            except Broken as broken:
                suspect = (str(broken), number, line)
        return suspect


def verify(files, keys, anchors):
    log = Log(keys, anchors)
    broken = None
    for position, data in enumerate(files):
        suspect = log.read(data)
        if suspect:
            broken = {"kind": suspect[0], "file": position, "line": suspect[1], "seq": log.seq + 1}
            break
    if not broken and log.anchors and max(log.anchors) > log.seq:
        broken = {"kind": "cut", "file": None, "line": 0, "seq": log.seq + 1}
    return {
        "records": log.records,
        "last_seq": log.seq,
        "torn_lines": log.torn,
        "anchored_to": log.anchored,
        "closed": log.closed,
        "broken": broken,
    }


def main():
    found = []
    for job in json.load(sys.stdin):
        files = []
        for path in job["files"]:
            with open(path, "rb") as file:
                files.append(file.read())
        keys, anchors, flip = job.get("keys", {}), job.get("anchors", []), job.get("flip", 0)
        if not flip:
            found.append(verify(files, keys, anchors))
            continue
        for position, data in enumerate(files):
            for byte in range(len(data)):
                changed = data[:byte] + bytes([data[byte] ^ flip]) + data[byte + 1 :]
                found.append(verify(files[:position] + [changed] + files[position + 1 :], keys, anchors))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
