from microgradnet.value import Value
