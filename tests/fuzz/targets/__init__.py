"""One module per target.

    one(data)            one input. Returns, or raises: whatever it raises is a crash
    seeds()              name → a small input that goes deep, made from real messages
    MAX_LEN              octets of the largest input worth trying
    words()              optional: texts that the format knows, for libFuzzer's dictionary
    mutate(data, limit, random, octets)
                         optional: changes an input and keeps its structure; ``octets(data, limit)`` changes any octets
"""

NAMES = ("message", "payloads", "fragments", "eap", "tunnel", "certificate", "revocation", "http", "auth", "profile",
         "esp", "stream", "control", "engine")
