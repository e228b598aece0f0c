"""Kubernetes' autoscaling without Kubernetes: copies of a consumer follow its lag.

``hpa`` is the algorithm, ``manifest`` the values of ``infra/k8s``, ``lag`` what KEDA
asks the broker. ``copies`` starts, stops and kills consumers, ``running`` has all of it
under a load that rises and falls, ``picture`` draws what happened.
"""
