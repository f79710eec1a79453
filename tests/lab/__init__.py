"""A lab for Rove: namespaces, NAT routers, a real strongSwan gateway, a system bus with polkitd, and faults to order.

>>> with Lab("rv0", v6=True) as lab:                            # doctest: +SKIP
...     lab.gateway.start()
...     lab.roved.start(fresh=True)
...     lab.rove("import", str(lab.profile("mschap", name="work")))
...     lab.rove("connect", "work", secrets=profiles.secrets("mschap"))
...     with lab.ping_stream("client", plan.CORP_HOST) as stream:
...         lab.roam("lte")
...     lost(stream.probes)

``plan`` has the map, ``gateways`` the gateway's connections, ``network`` the faults, ``lab`` the rest.
``python -m tests.lab`` keeps one up for hands-on work.
"""
