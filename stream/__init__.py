"""From sources to published labels: the live tracker."""
