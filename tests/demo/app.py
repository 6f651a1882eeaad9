"""The demo's function: asks the database for the stock, and the internet for a page; says how each went."""

import json
import os
import urllib.request

import pg8000


def query():
    connection = pg8000.connect(
        host=os.environ["DATABASE"], user="shop", password="shop", database="shop", timeout=4
    )
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT item, pieces FROM stock ORDER BY item")
        return {item: pieces for item, pieces in cursor.fetchall()}
    finally:
        connection.close()


def fetch():
    with urllib.request.urlopen(os.environ["PAGE"], timeout=4) as answer:
        return answer.read().decode().strip()


def attempt(action):
    try:
        return {"ok": True, "answer": action()}
    except Exception as error:  # every way of failing is a result of the demo
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}


def handler(event, context):
    result = {"database": attempt(query), "internet": attempt(fetch)}
    print(f"request {context.aws_request_id}: {json.dumps(result)}")
    return result
