# An image that has skewgate, and whose time configuration passes: the build fails if it doesn't.
#   packer build -var wheel=https://example.com/skewgate/skewgate-0.1.0-py3-none-any.whl .
# The clock during the build says nothing about the nodes that boot from the image. Each node is
# checked again before it joins (../cluster-api, ../cloud-init).

variable "wheel" {
  type        = string
  description = "Where pip finds skewgate: a wheel's address, or a file in the image."
}

# Replace it with your own source (qemu, amazon-ebs, ...): a machine that has booted, with systemd.
# In a container or a chroot, no service runs, and the check refuses the image.
source "null" "node" {
  ssh_host       = "builder.example.net"
  ssh_username   = "root"
  ssh_agent_auth = true
}

build {
  sources = ["source.null.node"]

  provisioner "file" {
    source      = "${path.root}/image.yml"
    destination = "/tmp/image.yml"
  }

  # Packer runs this with `sh -e`: the first command that fails ends the build.
  provisioner "shell" {
    inline = [
      "python3 -m venv /opt/skewgate",
      "/opt/skewgate/bin/pip install '${var.wheel}'",
      "ln -sf /opt/skewgate/bin/skewgate /usr/local/bin/skewgate",
      "skewgate check --here -e @/tmp/image.yml --report-dir /tmp/skewgate-image",
    ]
  }
}
