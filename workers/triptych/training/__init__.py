"""Training of fusion and classifiers, in Keras on TensorFlow; nothing served imports it."""
