# SPDX-License-Identifier: Apache-2.0
"""Runs in dom0: gives each client back what it has sent, PIECE bytes at a time, until the client goes.

usage: echo_server.py ADDRESS PORT PIECE
"""
import socket
import sys
import threading


def serve(client: socket.socket, piece: int):
    with client:
        while True:
            data = bytearray()
            while len(data) < piece:
                part = client.recv(piece - len(data))
                if not part:
                    return
                data += part
            client.sendall(data)


def main():
    address, port, piece = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with socket.create_server((address, port)) as listening:
        while True:
            client, _ = listening.accept()
            threading.Thread(target=serve, args=(client, piece), daemon=True).start()


main()
